/** A run that begins with an adapter: that of another run's round, or one in PEFT's files. */
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exportRun } from '../../node/run/export-run.ts'
import { folderPlace } from '../../node/run/folder-place.ts'
import { openRun } from '../../node/run/open-run.ts'
import { publishRun } from '../../node/run/publish.ts'
import { type RunFolder, readRunConfig, runFolder } from '../../node/run/run-folder.ts'
import { verifyPublished, verifyRun } from '../../node/run/verify-run.ts'
import { runFolderOf } from '../../node/setup/run-folder-of.ts'
import { blobPath } from '../../node/storage/blob-path.ts'
import { LOSS_MAX } from '../../protocol/index.ts'
import {
  hostRun,
  joinRun,
  type Overrides,
  prepareSmallRun,
  runYaml,
  temporaryFolder,
} from '../roles/swarm.ts'

const ALL = { type: 'share', share: 1, seed: 1 } as const

/** A run that was hosted to its end, with so many volunteers. */
async function finishedRun(
  settings: Overrides,
  swarm: Overrides = {},
  volunteers = 1,
): Promise<RunFolder> {
  const run = await prepareSmallRun(settings, swarm)
  const hosted = await hostRun(run)
  for (let number = 1; number <= volunteers; number++) await joinRun(run, hosted.link, `v${number}`)
  await hosted.finished
  await hosted.stop()
  return run
}

async function startOf(run: RunFolder) {
  const { config, state } = await openRun(run)
  return { start: config.adapter.start!, losses: state.evaluations.map(({ loss }) => loss), state }
}

test('a run goes on from another, the same whoever trains, and strangers verify it', async () => {
  const parent = await finishedRun({})
  const before = await openRun(parent)
  const settings = { adapter_from: parent.root, seed: 6, learning_rate: 0.001 }
  const [one, two] = await Promise.all([finishedRun(settings), finishedRun(settings, {}, 2)])
  const { start, losses, state } = await startOf(one)
  expect(start).toEqual({
    checkpoint: { digest: before.state.round.start.base, bytes: expect.any(Number) },
    parent: { run: before.runId, round: 2 },
  })
  // Other text is held out by another seed.
  expect(losses[0]).toBeLessThan(before.state.evaluations[0]!.loss)
  expect(losses.at(-1)).toBeLessThan(losses[0]!)
  expect((await openRun(two)).state.round.start.base).toBe(state.round.start.base)
  const verified = { ok: true, adapterSha256: state.round.start.base, replayedSteps: 16 }
  await exportRun(two, { format: 'peft', round: null, out: null })
  expect(await verifyRun(two, { replay: ALL })).toMatchObject(verified)

  const out = join(one.root, '..', 'published')
  await publishRun(one, { out, withHeldOut: false, page: new Map(), hear: () => {} })
  const card = await readFile(join(out, 'README.md'), 'utf8')
  const words = `${start.checkpoint.digest}, as its organiser says from run ${before.runId}`
  expect(card).toContain(`${words} after its round 2`)
  const verification = await verifyPublished(folderPlace(out), { replay: ALL })
  expect(verification).toMatchObject(verified)
  expect(verification.notChecked).toContainEqual(
    expect.stringMatching(`${start.checkpoint.digest} was made, .*: verify run ${before.runId}`),
  )
  await rm(join(out, 'blobs', blobPath(start.checkpoint.digest)))
  const { ok, mismatches } = await verifyPublished(folderPlace(out))
  expect(ok).toBe(false)
  expect(mismatches[0]).toMatchObject({ record: 'the adapter that the run begins with' })
})

test('gradient mode begins with it too, and its first loss is that of the adapter', async () => {
  const parent = await finishedRun({ max_steps: 8 })
  const { losses: before } = await startOf(parent)
  const run = await finishedRun(
    { adapter_from: parent.root, max_steps: 8 },
    { aggregation: 'gradient', round_batches: 4 },
  )
  const { losses } = await startOf(run)
  expect(losses[0]).toBe(before.at(-1))
  expect(await verifyRun(run, { replay: ALL })).toMatchObject({ ok: true, replayedSteps: 8 })
})

test('an earlier round, or what was exported, is the same adapter by any way', async () => {
  const parent = await finishedRun({})
  const { state, blobs } = await openRun(parent)
  const first = state.history[1]!.start.base
  const preparedStart = async (settings: Overrides) =>
    (await readRunConfig(await prepareSmallRun(settings))).config.adapter.start
  const ofRound = await preparedStart({ adapter_from: parent.root, adapter_round: 1 })
  expect(ofRound!.checkpoint.digest).toBe(first)
  const { folder } = await exportRun(parent, { format: 'peft', round: 1, out: null })
  expect(await preparedStart({ adapter_from: folder })).toEqual({
    checkpoint: { digest: first, bytes: (await blobs.read(first)).length },
    parent: { run: (await openRun(parent)).runId, round: null },
  })
})

test('hosted again, a run has what it began with, whatever became of that', async () => {
  const parent = await finishedRun({})
  const folder = join(parent.root, '..')
  const yaml = join(folder, 'next.yaml')
  const write = (settings: Overrides) =>
    writeFile(yaml, runYaml({ adapter_from: parent.root, ...settings }))
  const said: string[] = []
  const open = () =>
    runFolderOf(yaml, { out: join(folder, 'next'), hub: null, say: (text) => said.push(text) })
  await write({ sequence_len: 8 })
  const { folder: next } = await open()
  expect(said.join()).toMatch(/the run starts from 'small' after round 2 of 2\..*may look better/)
  await rename(parent.root, join(folder, 'elsewhere'))
  expect(await open()).toEqual({ folder: next, isNew: false })
  await write({ sequence_len: 8, adapter_round: 1 })
  await expect(open()).rejects.toThrow(/neither a run .* nor a PEFT adapter/)
  // Left out, it is another run.
  await writeFile(yaml, runYaml({ sequence_len: 8 }))
  await expect(open()).rejects.toThrow(/have changed since, in adapter_from\./)
})

test('an adapter that is no use at all ends nothing, and who made it is not believed', async () => {
  const parent = await finishedRun({ max_steps: 8 })
  const out = join(parent.root, 'wild')
  await exportRun(parent, { format: 'peft', round: null, out })
  const weights = join(out, 'adapter_model.safetensors')
  const bytes = await readFile(weights)
  const header = 8 + Number(bytes.readBigUInt64LE())
  for (let at = header; at < bytes.length; at += 4) bytes.writeFloatLE(3e38, at)
  const { runId } = await openRun(parent)
  bytes.write('x'.repeat(64), bytes.indexOf(runId))
  await writeFile(weights, bytes)
  const run = await prepareSmallRun({ adapter_from: out })
  const { config } = await readRunConfig(run)
  expect(config.adapter.start!.parent).toBe(null)
  const hosted = await hostRun(run)
  const measured = () => hosted.facts.find((fact) => fact.type === 'evaluated')
  await expect.poll(measured, { timeout: 60_000 }).toMatchObject({ loss: LOSS_MAX })
  await hosted.stop()
})

const REFUSED: Record<string, [settings: (parent: string) => Overrides, reason: RegExp]> = {
  'another rank': [
    (from) => ({ adapter_from: from, lora_r: 4 }),
    /run\.yaml:\d+:\d+ lora_r: must be 8, as in the adapter .*: current value is 4$/,
  ],
  'other layers': [
    (from) => ({ adapter_from: from, lora_target_modules: '[q_proj]' }),
    /lora_target_modules: must be down_proj, gate_proj, .* current value is q_proj$/,
  ],
  'a round that is not there': [
    (from) => ({ adapter_from: from, adapter_round: 3 }),
    /adapter_from: .*round 3: the run in .* has finished 1 round$/,
  ],
  'a round of no run': [() => ({ adapter_round: 1 }), /adapter_round: it needs 'adapter_from'/],
  'a round of a folder': [
    (from) => ({ adapter_from: join(from, 'adapter'), adapter_round: 1 }),
    /adapter_round: only a run has rounds/,
  ],
  'no adapter': [
    (from) => ({ adapter_from: join(from, 'base') }),
    /adapter_from: in .* is neither a run .* nor a PEFT adapter \(adapter_config\.json\)$/,
  ],
  'numbers that are none': [
    (from) => ({ adapter_from: join(from, 'broken') }),
    /adapter_from: The adapter in .* holds values that are no numbers$/,
  ],
}

test('what cannot be begun with is refused by the key at fault', async () => {
  const { root } = await finishedRun({ max_steps: 8 })
  const { folder } = await exportRun(runFolder(root), { format: 'peft', round: null, out: null })
  const broken = join(root, 'broken')
  await cp(folder, broken, { recursive: true })
  const weights = join(broken, 'adapter_model.safetensors')
  const bytes = await readFile(weights)
  bytes.writeFloatLE(Number.NaN, bytes.length - 4)
  await writeFile(weights, bytes)
  for (const [settings, reason] of Object.values(REFUSED)) {
    await expect(prepareSmallRun(settings(root))).rejects.toThrow(reason)
  }
  const begun = await prepareSmallRun()
  await expect(prepareSmallRun({ adapter_from: begun.root })).rejects.toThrow(
    /adapter_from: Cannot read the journal/,
  )
  await (await hostRun(begun)).stop()
  await expect(prepareSmallRun({ adapter_from: begun.root })).rejects.toThrow(
    /adapter_from: The run in .* has finished no round yet$/,
  )
  const empty = join(await temporaryFolder(), 'empty')
  await mkdir(empty)
  await expect(prepareSmallRun({ adapter_from: empty })).rejects.toThrow(/adapter_config\.json/)
})
