/** A run with `load_in_4bit`, from run.yaml to what is taken home and trained further. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openBaseModel } from '../../node/model/base-model.ts'
import { exportRun } from '../../node/run/export-run.ts'
import { openRun } from '../../node/run/open-run.ts'
import { readRunConfig } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { hostRun, joinRun, prepareSmallRun } from '../roles/swarm.ts'

const ALL = { type: 'share', share: 1, seed: 1 } as const

test('a run in 4 bits learns, is checked, comes home, and goes on', async () => {
  const run = await prepareSmallRun({ load_in_4bit: true })
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'Ada')
  await hosted.finished
  await hosted.stop()
  const { config, state } = await openRun(run)
  expect(config.kernels.base).toBe('blocks')
  const losses = state.evaluations.map(({ loss }) => loss)
  expect(losses.at(-1)).toBeLessThan(losses[0]!)
  expect(await verifyRun(run, { replay: ALL })).toMatchObject({ ok: true })

  const merged = await exportRun(run, {
    format: 'merged-gguf',
    round: null,
    out: null,
    dtype: 'base',
  })
  const base = await openBaseModel(merged.path)
  onTestFinished(base.close)
  expect(base.weights.storage.kinds).toEqual(config.kernels.kinds)
  // What was learned in so few steps is less than a step of 4 bits.
  expect(merged.rounding!.ofLearned).toBeGreaterThan(0.5)

  const beside = await exportRun(run, { format: 'gguf-lora', round: null, out: null })
  const card = await readFile(join(beside.folder, 'README.md'), 'utf8')
  const [, file] = /^llama-cli -m (\S+) --lora adapter.gguf/m.exec(card)!
  const whole = await openBaseModel(join(beside.folder, file!))
  onTestFinished(whole.close)
  expect(whole.shape).toEqual(config.base.shape)
  expect(whole.weights.storage.kinds).toEqual(config.kernels.kinds)

  const { folder } = await exportRun(run, { format: 'peft', round: null, out: null })
  const next = await prepareSmallRun({ load_in_4bit: true, adapter_from: folder })
  const { start } = (await readRunConfig(next)).config.adapter
  expect(start!.checkpoint.digest).toBe(state.round.start.base)
  const floats = prepareSmallRun({ adapter_from: folder })
  await expect(floats).rejects.toThrow("the base's weights must have SHA-256")
})
