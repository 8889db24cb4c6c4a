/** A run that was really trained, taken home in every format and after every round. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EXPORT_FORMATS } from '../../node/export/formats.ts'
import { exportRun } from '../../node/run/export-run.ts'
import { manifestsUntil } from '../../node/run/manifests.ts'
import { openRun } from '../../node/run/open-run.ts'
import { digestOf } from '../../protocol/digest.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { hostRun, joinRun, prepareSmallRun, temporaryFolder } from '../roles/swarm.ts'

const FILES = {
  peft: ['adapter_config.json', 'adapter_model.safetensors', 'generation_config.json'],
  'gguf-lora': ['adapter.gguf'],
  merged: ['config.json', 'generation_config.json', 'model.safetensors'],
  'merged-gguf': ['Modelfile', 'model.gguf'],
}
const TOKENIZER = ['tokenizer.json', 'tokenizer_config.json']

test('a run is taken home', async () => {
  const run = await prepareSmallRun()
  const hosted = await hostRun(run)
  const latest = { format: 'peft', round: null, out: null } as const
  await expect(exportRun(run, latest)).rejects.toThrow(ConfigError)
  await joinRun(run, hosted.link, 'Ada | Lovelace')
  await hosted.finished
  await hosted.stop()

  for (const format of EXPORT_FORMATS) {
    const exported = await exportRun(run, { format, round: null, out: null })
    const { folder, path, sha256, round } = exported
    expect([round, exported.rounds]).toEqual([2, 2])
    expect(sha256).toBe(digestOf(await readFile(path)))
    const tokenizer = format === 'peft' || format === 'merged' ? TOKENIZER : []
    const expected = ['README.md', ...FILES[format], ...tokenizer]
    expect((await readdir(folder)).sort()).toEqual(expected.sort())
    const card = await readFile(join(folder, 'README.md'), 'utf8')
    for (const line of ['| Ada \\| Lovelace | ', '| base | ', '| after round 2 | ', '# small'])
      expect(card).toContain(line)
  }

  const out = join(run.root, 'first')
  const [first, again, last] = [
    await exportRun(run, { format: 'peft', round: 1, out }),
    await exportRun(run, { format: 'peft', round: 1, out }),
    await exportRun(run, { format: 'peft', round: 2, out: join(run.root, 'last') }),
  ]
  expect(first).toMatchObject({ round: 1, folder: out })
  expect(again.sha256).toBe(first.sha256)
  expect(last.sha256).not.toBe(first.sha256)
  await expect(exportRun(run, { format: 'peft', round: 3, out })).rejects.toThrow(
    /round 3: the run in .* has finished 2 rounds/,
  )

  await expect(exportRun(run, { format: 'gguf-lora', round: 1, out })).rejects.toThrow(
    /it holds the format 'peft', .*: give each format a folder of its own/,
  )

  const elsewhere = await temporaryFolder()
  await exportRun(run, { format: 'peft', round: 1, out: elsewhere })
  await exportRun(run, { format: 'peft', round: 2, out: elsewhere })
  await writeFile(join(elsewhere, 'README.md'), 'of another run')
  await expect(exportRun(run, { format: 'peft', round: 1, out: elsewhere })).rejects.toThrow(
    /holds other things/,
  )

  const opened = await openRun(run)
  const losses = (first: number, second: number) => {
    opened.state.evaluations = [4, first, second].map((loss, round) => ({ round, loss }))
  }
  losses(3, 3.5)
  expect(await manifestsUntil(opened, null)).toHaveLength(1)
  expect(await manifestsUntil(opened, 2)).toHaveLength(2)
  losses(3.5, 3)
  expect(await manifestsUntil(opened, null)).toHaveLength(2)
  opened.state.evaluations = []
  expect(await manifestsUntil(opened, null)).toHaveLength(2)
})
