/** A run in the middle, whose folder another version of this program goes on with. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { readRunConfig } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { SOFTWARE } from '../../node/software.ts'
import { decode, encode } from '../../protocol/codec.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { PROTOCOL_VERSION } from '../../protocol/limits.ts'
import { hostRun, joinRun, prepareSmallRun } from './swarm.ts'

test('a run that was begun by other versions of the same protocol goes on', async () => {
  const run = await prepareSmallRun({}, { trust: 'everyone' })
  const older = await hostRun(run)
  const ada = await joinRun(run, older.link, 'ada', { software: 'barnraise/0.0.1' })
  await expect.poll(() => older.status().round, { timeout: 120_000 }).toBeGreaterThan(0)
  await ada.stop()
  await older.stop()
  // Of versions the folder names the protocol's alone.
  expect(decode(await readFile(run.config), 2 ** 20)).toMatchObject({ version: PROTOCOL_VERSION })
  for (const file of [run.config, run.coordinator, run.token]) {
    expect((await readFile(file)).includes(SOFTWARE)).toBe(false)
  }

  const newer = await hostRun(run)
  expect(newer.runId).toBe(older.runId)
  expect(newer.status().round).toBeGreaterThan(0)
  await joinRun(run, newer.link, 'ada', { software: 'barnraise/9.0.0' })
  await newer.finished
  await newer.stop()
  expect(await verifyRun(run)).toMatchObject({ ok: true, mismatches: [] })
})

test('the folder of another version of the protocol is refused, and left as it is', async () => {
  const run = await prepareSmallRun()
  const { config } = await readRunConfig(run)
  await writeFile(run.config, encode({ ...config, version: PROTOCOL_VERSION - 1 }))
  const before = await readdir(run.root, { recursive: true })
  const hosting = hostRun(run)
  await expect(hosting).rejects.toThrow(ConfigError)
  await expect(hosting).rejects.toThrow('go on with the version that made it')
  expect(await readdir(run.root, { recursive: true })).toEqual(before)
})
