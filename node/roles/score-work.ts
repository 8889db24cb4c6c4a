/** A volunteer scores an adapter on some of the run's questions and prompts. */
import { generatorBytes, JOB_BYTES_MAX } from '../../kernels/index.ts'
import {
  DigestMismatch,
  digestOf,
  ProtocolError,
  SCORED_BYTES_MAX,
  type ScoreOffer,
} from '../../protocol/index.ts'
import { bytesOf, floatsOf } from '../compute/floats.ts'
import { fitJob } from '../compute/job.ts'
import { checkAdapterSize } from '../compute/sizes.ts'
import { decodeAskedRows } from '../dataset/scored-rows.ts'
import { answerRows } from '../text/answer-rows.ts'
import { fetched, fetchedOnce, type Held } from './held.ts'
import type { NewParticipantEvent } from './participant-shell.ts'
import type { ParticipantWorld } from './participant-world.ts'

/** Feeds what comes of it, unless it was abandoned meanwhile. */
export function startScoring(world: ParticipantWorld, held: Held, offer: ScoreOffer): void {
  const { leaseId } = offer
  const finish = (event: NewParticipantEvent) => {
    if (!held.abandoned.delete(leaseId)) world.feed(event)
  }
  score(world, held, offer).then(finish, (error: Error) =>
    finish({ type: 'scoring-failed', leaseId, reason: error.message }),
  )
}

async function score(
  world: ParticipantWorld,
  held: Held,
  offer: ScoreOffer,
): Promise<NewParticipantEvent> {
  const { leaseId } = offer
  const scoring = held.config!.scoring
  if (scoring?.asked === undefined) {
    throw new ProtocolError('malformed', 'Volunteers have nothing to score in this run')
  }
  if (scoring.asked.bytes > SCORED_BYTES_MAX) {
    const text = `Questions have at most ${SCORED_BYTES_MAX} bytes: ${scoring.asked.bytes}`
    throw new ProtocolError('malformed', text)
  }
  const asked = await fetched(world, held, world.blobs, scoring.asked, 'questions')
  const adapter = await adapterOf(world, held, offer)
  await openModel(world, held)
  const outcomes = await answerRows(decodeAskedRows(asked), offer, {
    compute: world.compute,
    contextMax: scoring.contextTokens,
    adapter,
    check: () => {
      if (held.abandoned.has(leaseId)) throw new Error('it was given up')
    },
  })
  return { type: 'scored', leaseId, outcomes }
}

/** Null: the base alone is scored. */
async function adapterOf(
  world: ParticipantWorld,
  held: Held,
  { adapter, checkpoint }: ScoreOffer,
): Promise<Float32Array | null> {
  if (checkpoint === null) return null
  if (held.adapterDigest === adapter) return held.adapter
  checkAdapterSize(checkpoint, held.layout!)
  const values = floatsOf(await fetchedOnce(world, held, checkpoint, 'an adapter to score'))
  if (digestOf(bytesOf(values)) === adapter) return values
  throw new DigestMismatch('The checkpoint is not the adapter that is to be scored')
}

/**
 * A second copy of the base, to read and write with, in what the training leaves of the memory.
 * @throws Error when that is too little
 */
async function openModel(world: ParticipantWorld, held: Held): Promise<void> {
  if (held.isReading) return
  const { base, adapter, kernels, scoring } = held.config!
  const { bytes } = fitJob(held.config!, world.limits)
  const bytesMax = Math.min(world.limits.memoryBytesMax - bytes, JOB_BYTES_MAX)
  const shape = { model: base.shape, adapter, kernels, contextMax: scoring!.contextTokens }
  const needed = generatorBytes(shape, bytesMax)
  if (needed > bytesMax) {
    const left = `training leaves ${megabytes(Math.max(0, bytesMax))} of the memory`
    throw new Error(`scoring takes ${megabytes(needed)}, and ${left} that may be taken here`)
  }
  const weights = await world.blobs.file(base.weights.digest)
  await world.compute.run('open-model', { shape, weights, bytesMax })
  held.isReading = true
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`
