/** A volunteer works a lease off: data to tokens to a signed contribution, and its payload up. */
import type { ParticipantEffect } from '../../coordinator/participant/index.ts'
import {
  type BlobReference,
  type Contribution,
  counted,
  type Lease,
  type LeaseId,
  type RoundStart,
  signingBytes,
  traceStart,
} from '../../protocol/index.ts'
import { ComputeEndedError } from '../compute/compute.ts'
import type { TrainInput, TrainOutput } from '../compute/task.ts'
import { readBatches } from '../dataset/batches.ts'
import { uploadBlob } from '../network/blobs.ts'
import { connectionOf, fetched, type Held, keepPayload } from './held.ts'
import type { NewParticipantEvent } from './participant-shell.ts'
import type { ParticipantWorld } from './participant-world.ts'

/** Feeds what comes of it, unless the lease was abandoned meanwhile. */
export function startTraining(
  world: ParticipantWorld,
  held: Held,
  { lease, start }: Extract<ParticipantEffect, { type: 'train' }>,
): void {
  const { leaseId } = lease
  const finish = (event: NewParticipantEvent) => {
    if (!held.abandoned.delete(leaseId)) world.feed(event)
  }
  train(world, held, lease, start).then(finish, (error: Error) =>
    finish({ type: 'training-failed', leaseId, cause: 'machine', reason: error.message }),
  )
}

async function train(
  world: ParticipantWorld,
  held: Held,
  lease: Lease,
  start: RoundStart,
): Promise<NewParticipantEvent> {
  const config = held.config!
  const { leaseId, round, base, firstBatch, steps, learningRate } = lease
  const sequences = await readBatches(config, firstBatch, steps, (shard) =>
    fetched(world, held, world.blobs, shard, 'data'),
  )
  const identity = { runId: held.runId, round, leaseId, peer: world.peer, base }
  const output = await computed(world, {
    ...sequences,
    leaseId,
    firstBatch,
    steps,
    adapter: held.adapter!,
    moment: start.moment === null ? null : held.moment,
    learningRate,
    traceStart: traceStart(identity),
  })
  if (output.status === 'empty') return { type: 'training-empty', leaseId }
  if (output.status === 'failed') {
    return { type: 'training-failed', leaseId, cause: 'training', reason: output.reason }
  }
  if (output.failure !== null) {
    world.log.warn(
      `Handing in ${counted(output.steps, 'step')}, done before a failure: ${output.failure}`,
    )
  }
  const contribution: Contribution = {
    ...identity,
    firstBatch,
    steps: output.steps,
    tokens: output.tokens,
    loss: output.loss,
    trace: output.trace,
    payload: await keepPayload(held, output.payload),
    stepMs: output.stepMs,
  }
  const signature = await world.sign(signingBytes('contribution', contribution))
  return { type: 'trained', leaseId, contribution, signature }
}

/** What the numbers say no to here, they say no to on every machine. */
function computed(world: ParticipantWorld, input: TrainInput): Promise<TrainOutput> {
  return world.compute.run('train', input).catch((error: Error) => {
    if (error instanceof ComputeEndedError) throw error
    return { status: 'failed', reason: error.message }
  })
}

export async function upload(
  world: ParticipantWorld,
  held: Held,
  leaseId: LeaseId,
  payload: BlobReference,
): Promise<NewParticipantEvent> {
  await uploadBlob(connectionOf(held), leaseId, payload, held.passing, {
    onProgress: (done, total, moved) => world.onTransfer({ what: 'result', done, total, moved }),
  })
  return { type: 'uploaded', leaseId }
}
