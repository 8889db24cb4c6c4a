/** A copy of a run that goes on is a run that goes on from there. */
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { statusOf } from '../../coordinator/index.ts'
import { backUp } from '../../node/run/backup.ts'
import { openRun } from '../../node/run/open-run.ts'
import { type RunFolder, runFolder } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { ConfigError } from '../../protocol/index.ts'
import { hostRun, joinRun, prepareSmallRun, temporaryFolder } from '../roles/swarm.ts'

/** A busy machine takes long. */
const PATIENT = { timeout: 120_000 }
const silent = (): void => {}
const roundOf = async (run: RunFolder): Promise<number> =>
  statusOf((await openRun(run)).state).round

test('a run is copied while it is hosted, and ends from its copy as it would have', async () => {
  const run = await prepareSmallRun()
  const hosted = await hostRun(run)
  const ada = await joinRun(run, hosted.link, 'ada')
  await expect.poll(() => hosted.status().round, PATIENT).toBeGreaterThan(0)
  const out = join(await temporaryFolder(), 'copy')
  const made = await backUp(run, out, silent)
  expect(made.blobs).toBeGreaterThan(3)
  expect(made.round).toBeGreaterThan(0)
  await hosted.finished
  await ada.stop()
  const { base } = hosted.status()
  await hosted.stop()

  const copy = runFolder(out)
  expect(await roundOf(copy)).toBe(made.round)
  const again = await hostRun(copy)
  expect(again.runId).toBe(hosted.runId)
  expect(again.coordinator).toBe(hosted.coordinator)
  // Whoever asks while others hold the rest of a round is told to ask again much later.
  const held = async () => [...(await openRun(copy)).state.leases.values()]
  await expect
    .poll(async () => (await held()).filter(({ stage }) => stage === 'leased'), PATIENT)
    .toEqual([])
  await joinRun(copy, again.link, 'ben')
  await again.finished
  // The same work gives the same adapter, whoever does it.
  expect(again.status().base).toBe(base)
  await again.stop()
  expect((await verifyRun(copy)).mismatches).toEqual([])
})

test('again, only what is new is copied, and the copy follows', async () => {
  const run = await prepareSmallRun()
  const out = join(await temporaryFolder(), 'copy')
  const first = await backUp(run, out, silent)
  expect(first).toMatchObject({ round: 0, batches: 0 })
  expect(await backUp(run, out, silent)).toMatchObject({ blobs: 0, bytes: 0 })
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  await hosted.stop()
  const last = await backUp(run, out, silent)
  expect(last).toMatchObject({ round: 2, batches: 16 })
  expect(last.blobs).toBeGreaterThan(0)
  expect((await verifyRun(runFolder(out))).ok).toBe(true)
})

test('what is secret stays so', async () => {
  const run = await prepareSmallRun()
  const hosted = await hostRun(run)
  await hosted.stop()
  await chmod(run.token, 0o644)
  const out = join(await temporaryFolder(), 'copy')
  await backUp(run, out, silent)
  const copy = runFolder(out)
  for (const file of [copy.identity, copy.token, copy.coinKey, copy.journal]) {
    expect((await stat(file)).mode & 0o777, file).toBe(0o600)
  }
  expect(await readFile(copy.token)).toEqual(await readFile(run.token))
})

test('one that is interrupted leaves the one before as it was', async () => {
  const run = await prepareSmallRun()
  const out = join(await temporaryFolder(), 'copy')
  await (await hostRun(run)).stop()
  await backUp(run, out, silent)
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  await hosted.stop()
  const stopping = (text: string) => {
    if (text.includes('blobs')) throw new Error('the power went')
  }
  await expect(backUp(run, out, stopping)).rejects.toThrow('the power went')
  expect(await roundOf(runFolder(out))).toBe(0)
  expect(await backUp(run, out, silent)).toMatchObject({ round: 2 })
})

test('a first one that is interrupted is begun again, and not hosted meanwhile', async () => {
  const run = await prepareSmallRun()
  await (await hostRun(run)).stop()
  const out = join(await temporaryFolder(), 'copy')
  const stopping = (text: string) => {
    if (text.includes('blobs')) throw new Error('the power went')
  }
  await expect(backUp(run, out, stopping)).rejects.toThrow('the power went')
  await expect(hostRun(runFolder(out))).rejects.toThrow('is gone, which says what was done so far')
  expect((await backUp(run, out, silent)).blobs).toBeGreaterThan(0)
  await (await hostRun(runFolder(out))).stop()
})

test('a copy that went on by itself is not taken back', async () => {
  const run = await prepareSmallRun()
  await (await hostRun(run)).stop()
  const out = join(await temporaryFolder(), 'copy')
  await backUp(run, out, silent)
  const copy = runFolder(out)
  const hosted = await hostRun(copy)
  await joinRun(copy, hosted.link, 'ada')
  await hosted.finished
  await hosted.stop()
  await expect(backUp(run, out, silent)).rejects.toThrow('the run there went on by itself')
  expect(await roundOf(copy)).toBe(2)
})

for (const [what, into, why] of [
  ['itself', async (root: string) => root, 'is within the run itself'],
  ['a folder of it', async (root: string) => join(root, 'copy'), 'is within the run itself'],
  ['one with dots', async (root: string) => join(root, '..copy'), 'is within the run itself'],
  [
    'a folder of other things',
    async () => {
      const folder = await temporaryFolder()
      await writeFile(join(folder, 'letter.txt'), 'Dear Ada')
      return folder
    },
    'holds other things',
  ],
  ['another run', async () => (await prepareSmallRun({ seed: 6 })).root, 'holds another run'],
] as const) {
  test(`a run is not copied into ${what}`, async () => {
    const run = await prepareSmallRun()
    const out = await into(run.root)
    await expect(backUp(run, out, silent)).rejects.toThrow(ConfigError)
    await expect(backUp(run, out, silent)).rejects.toThrow(why)
  })
}

test('a copy that is hosted is not written over', async () => {
  const run = await prepareSmallRun()
  const out = join(await temporaryFolder(), 'copy')
  await backUp(run, out, silent)
  const hosted = await hostRun(runFolder(out))
  await expect(backUp(run, out, silent)).rejects.toThrow('uses the run there: stop that first')
  await hosted.stop()
  await rm(join(out, 'blobs'), { recursive: true })
  await mkdir(join(out, 'blobs'))
  expect((await backUp(run, out, silent)).blobs).toBeGreaterThan(0)
})
