/** Volunteers score as the host does, bit for bit, without the answers, and where it fits. */
import { afterEach, expect, test, vi } from 'vitest'
import { adapterLayout } from '../../kernels/index.ts'
import { floatsOf } from '../../node/compute/floats.ts'
import { fitJob } from '../../node/compute/job.ts'
import { startCompute } from '../../node/compute/start-compute.ts'
import { decodeAskedRows, decodeScoredRows } from '../../node/dataset/scored-rows.ts'
import { newHeld } from '../../node/roles/held.ts'
import { openScorer } from '../../node/roles/open-scorer.ts'
import type { NewParticipantEvent } from '../../node/roles/participant-shell.ts'
import type { ParticipantWorld } from '../../node/roles/participant-world.ts'
import { startScoring } from '../../node/roles/score-work.ts'
import { readRunConfig } from '../../node/run/run-folder.ts'
import { createFileBlobStore } from '../../node/storage/file-blob-store.ts'
import { digestOf, type RunConfig, type ScoreOffer } from '../../protocol/index.ts'
import { silentLog } from '../silent-log.ts'
import { prepareHomes } from './homes.ts'

const LIMITS = { threads: 1, memoryBytesMax: 2e9 }
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function scene() {
  const run = await prepareHomes('eval_spread: true\n')
  const { config, runId } = await readRunConfig(run)
  const blobs = await createFileBlobStore(run.blobs)
  const fed: NewParticipantEvent[] = []
  const heard = Promise.withResolvers<NewParticipantEvent>()
  const compute = startCompute()
  closing.push(() => compute.close())
  const world = {
    blobs,
    compute,
    limits: LIMITS,
    log: silentLog,
    feed: (event: NewParticipantEvent) => {
      fed.push(event)
      heard.resolve(event)
    },
  } as unknown as ParticipantWorld
  const layout = adapterLayout(config.base.shape, config.adapter)
  const held = { ...newHeld(), config, runId, layout }
  return { run, config, blobs, world, held, heard: heard.promise, fed }
}

/** An adapter that is not the base's: its numbers are small and all different. */
function someAdapter(config: RunConfig): Float32Array {
  const { count } = adapterLayout(config.base.shape, config.adapter)
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i) / 50)
}

for (const isBase of [true, false]) {
  test(`a volunteer scores ${isBase ? 'the base' : 'an adapter'} as the host does`, async () => {
    const { run, config, blobs, world, held, heard } = await scene()
    const values = isBase ? null : someAdapter(config)
    const bytes = values === null ? null : new Uint8Array(values.buffer)
    const checkpoint = bytes === null ? null : await blobs.put(bytes)
    if (bytes !== null) await held.passing.put(bytes)
    const offer: ScoreOffer = {
      leaseId: 7,
      adapter: checkpoint?.digest ?? digestOf(new Uint8Array()),
      checkpoint,
      first: 2,
      rows: 4,
    }
    startScoring(world, held, offer)
    const scored = await heard
    const host = (await openScorer(run, config, blobs, LIMITS))!
    closing.push(host.close)
    const outcomes = await host.answer(values && floatsOf(bytes!), { first: 2, rows: 4 })
    expect(scored).toEqual({ type: 'scored', leaseId: 7, outcomes })
    // Two questions and two prompts, that are answered with something.
    expect(outcomes.map((row) => row.length > 0)).toEqual([true, true, true, true])
  })
}

test('what volunteers are given has the questions and no answer', async () => {
  const { config, blobs } = await scene()
  const { rows, asked } = config.scoring!
  const { regex: _, ...whole } = decodeScoredRows(await blobs.read(rows.digest))
  const without = (row: object) => ({ ...row, answer: undefined })
  expect(decodeAskedRows(await blobs.read(asked!.digest))).toEqual({
    ...whole,
    questions: whole.questions.map(without),
    prompts: whole.prompts.map(without),
  })
})

const OFFER = { leaseId: 7, adapter: 'a'.repeat(64), checkpoint: null, first: 0, rows: 1 }

test('where training leaves too little memory, that is said, with the figures', async () => {
  const { config, world, held, heard } = await scene()
  const { bytes } = fitJob(config, LIMITS)
  const limits = { ...LIMITS, memoryBytesMax: bytes + 1_000 }
  startScoring({ ...world, limits }, held, OFFER)
  expect(await heard).toEqual({
    type: 'scoring-failed',
    leaseId: 7,
    reason: expect.stringMatching(
      /^scoring takes \d+ MB, and training leaves \d+ MB of the memory/,
    ),
  })
})

test('what was given up is not told, and no further row is begun', async () => {
  const { world, held, fed, heard } = await scene()
  held.abandoned.add(7)
  startScoring(world, held, { ...OFFER, rows: 8 })
  startScoring(world, held, { ...OFFER, leaseId: 8 })
  await heard
  await vi.waitFor(() => expect(held.abandoned.size).toBe(0))
  expect(fed).toMatchObject([{ type: 'scored', leaseId: 8 }])
})

test('an adapter of another size is not fetched', async () => {
  const { world, held, heard } = await scene()
  startScoring(world, held, { ...OFFER, checkpoint: { digest: 'b'.repeat(64), bytes: 2 ** 31 } })
  expect(await heard).toMatchObject({
    type: 'scoring-failed',
    reason: expect.stringContaining('Cannot score the adapter as it must have'),
  })
})
