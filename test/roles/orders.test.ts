/** What an organiser decides about a run, hosted or not; `verify` follows it. */
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { kick, rewind, unban } from '../../node/cli/organise.ts'
import { EXPORT_FORMATS } from '../../node/export/formats.ts'
import { orderStopped } from '../../node/roles/orders.ts'
import { exportRun } from '../../node/run/export-run.ts'
import { openRun } from '../../node/run/open-run.ts'
import type { RunFolder } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { hostRun, joinRun, type Overrides, prepareSmallRun, temporaryFolder } from './swarm.ts'

/** A busy machine takes long. */
const PATIENT = { timeout: 120_000 }
const ALONE = { trust: 'everyone' }
/** Those that exports have in the folder of a run. */
const FOLDERS = new Set<string>(['adapter', ...EXPORT_FORMATS])

async function finishWith(run: RunFolder, name: string): Promise<void> {
  const hosted = await hostRun(run)
  const volunteer = await joinRun(run, hosted.link, name)
  await hosted.finished
  await hosted.stop()
  await volunteer.stop()
}

/** A run that is merged so, and whose one volunteer is banned and replaced. */
async function takeBack(how: Overrides): Promise<RunFolder> {
  const run = await prepareSmallRun({}, { ...ALONE, ...how })
  await finishWith(run, 'ada')
  const before = await openRun(run)
  expect(before.state.history).toHaveLength(2)
  await kick(run.root, 'ada', { reason: 'numbers from nowhere', json: true })
  await finishWith(run, 'bob')
  const { state } = await openRun(run)
  expect(state.history.map(({ corrections }) => corrections.length)).toEqual([0, 0, 2, 0])
  expect(state).toMatchObject({ batchesCounted: 16, takenBack: [], phase: 'finished' })
  expect((await verifyRun(run)).mismatches).toEqual([])
  return run
}

for (const how of [{ merge: 'trimmed' }, { aggregation: 'gradient' }]) {
  test(`${Object.values(how)}: what one did counts no more, and is done by another`, async () => {
    await takeBack(how)
  })
}

test('who is let in again trains from the round that the run went back to', async () => {
  const run = await takeBack({ merge: 'mean' })
  await rewind(run.root, { round: 1, json: true })
  await unban(run.root, 'ada', { json: true })
  expect((await openRun(run)).state).toMatchObject({
    phase: 'waiting',
    batchesCounted: 0,
    history: [expect.anything()],
  })
  await finishWith(run, 'ada')
  const { state } = await openRun(run)
  expect(state.history.map(({ corrections }) => corrections.length)).toEqual([0, 1, 0])
  expect((await verifyRun(run)).mismatches).toEqual([])
})

test('going back takes the exported adapter along, and no copy of it verifies then', async () => {
  const run = await prepareSmallRun({}, ALONE)
  await finishWith(run, 'ada')
  await exportRun(run, { format: 'peft', round: 1, out: null })
  const later = join(await temporaryFolder(), 'later')
  await exportRun(run, { format: 'peft', round: 2, out: later })
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  onTestFinished(() => said.mockRestore())
  await rewind(run.root, { round: 1 })
  expect(said.mock.calls.join('\n')).not.toContain('removed')
  expect(await verifyRun(run)).toMatchObject({ ok: true, exported: { round: 1 } })
  expect((await verifyRun(run, { exported: later })).mismatches).toEqual([
    { record: later, reason: expect.stringContaining('of none of the rounds') },
  ])
  await rename(later, join(run.root, 'newest'))
  await rm(run.adapter, { recursive: true })
  await rename(join(run.root, 'newest'), run.adapter)
  await rewind(run.root, { round: 0 })
  expect(said.mock.calls.join('\n')).toContain(`${run.adapter} is removed: the run went back`)
  expect((await verifyRun(run)).mismatches).toEqual([])
})

test('going back takes each format along that is of a round which is gone', async () => {
  const run = await prepareSmallRun({}, ALONE)
  await finishWith(run, 'ada')
  for (const format of EXPORT_FORMATS) {
    await exportRun(run, { format, round: format === 'merged' ? 1 : 2, out: null })
  }
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  onTestFinished(() => said.mockRestore())
  await rewind(run.root, { round: 1 })
  const there = (await readdir(run.root)).filter((name) => FOLDERS.has(name))
  expect(there).toEqual(['merged'])
  expect(said.mock.calls.join('\n').match(/is removed: the run went back/g)).toHaveLength(3)
})

test('a hosted run follows at once', async () => {
  const run = await prepareSmallRun({}, ALONE)
  const hosted = await hostRun(run)
  const volunteer = await joinRun(run, hosted.link, 'eve')
  await expect.poll(() => hosted.status().participantCount, PATIENT).toBe(1)
  const { peer } = hosted.status().participants[0]!
  const { accepted, said } = await hosted.order({ type: 'kicked', peer, reason: 'enough' })
  expect(accepted).toBe(true)
  expect(said[0]).toBe(`${peer} is banned: enough`)
  await expect(volunteer.exited).resolves.toMatchObject({
    reason: expect.stringContaining('enough'),
  })
  expect(hosted.status()).toMatchObject({ participantCount: 0 })
  await expect(orderStopped(run, { type: 'rewound', round: 0 })).rejects.toThrow('is using it')
  await hosted.stop()
  const printed = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  onTestFinished(() => printed.mockRestore())
  await expect(kick(run.root, 'eve', { reason: 'again' })).rejects.toThrow('is banned already')
  // It is told once.
  expect(printed.mock.calls).toEqual([])
})

test('what cannot be is refused, and the run is as it was', async () => {
  const run = await prepareSmallRun({}, ALONE)
  const hosted = await hostRun(run)
  await expect.poll(() => hosted.status().evaluations.length, PATIENT).toBe(1)
  await hosted.stop()
  const { state } = await openRun(run)
  for (const who of ['nobody-by-that-name', 'QmShort']) {
    const told = kick(run.root, who, { reason: '' })
    await expect(told, who).rejects.toThrow(/nobody of the run in '.*' is called so/)
  }
  await expect(rewind(run.root, { round: 3 })).rejects.toThrow('cannot go back to round 3')
  expect((await openRun(run)).state).toEqual(state)
})
