/** Does what the coordinator's effects say, one case an effect, and feeds the outcomes back. */

import type { AggregationJob, CoordinatorEffect } from '../../coordinator/effect.ts'
import type { Aggregate } from '../../coordinator/event.ts'
import type { Measured } from '../../kernels/aggregate.ts'
import { encode } from '../../protocol/codec.ts'
import { type Digest, digestOf } from '../../protocol/digest.ts'
import { type Manifest, signingBytes } from '../../protocol/envelope.ts'
import { assertNever } from '../../protocol/errors.ts'
import type { Notice, PeerId } from '../../protocol/messages.ts'
import type { BlobReference, RunConfig, RunId } from '../../protocol/run-config.ts'
import type { Sequences } from '../dataset/shards.ts'
import type { Log } from '../log.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import type { Compute } from '../training/compute.ts'
import { floatsOf } from '../training/floats.ts'
import type { AggregateOutput } from '../training/task.ts'
import type { NewEvent } from './coordinator-shell.ts'

export interface CoordinatorWorld {
  config: RunConfig
  runId: RunId
  blobs: BlobStore
  compute: Compute
  /** What has come for the round, by digest. */
  measured: Map<Digest, Measured>
  log: Log
  /** The held-out sequences. */
  validation: Sequences
  sign(bytes: Uint8Array): Promise<Uint8Array>
  notify(to: PeerId | 'all', notice: Notice): void
  disconnect(peer: PeerId): void
  feed(event: NewEvent): void
  /** An effect that the run cannot go on without has failed. */
  onFatal(error: Error): void
}

type Performed = Exclude<CoordinatorEffect, { type: 'reply' }>

export function performCoordinatorEffect(world: CoordinatorWorld, effect: Performed): void {
  switch (effect.type) {
    case 'notify':
      return world.notify(effect.to, effect.notice)
    case 'disconnect':
      world.log.info(`Disconnecting ${effect.peer}: ${effect.reason}`)
      return world.disconnect(effect.peer)
    case 'log':
      return world.log[effect.level](effect.text)
    case 'aggregate':
      aggregate(world, effect.job).then(world.feed, world.onFatal)
      return
    case 'evaluate':
      evaluate(world, effect.round, effect.checkpoint).then(world.feed, world.onFatal)
      return
    default:
      assertNever(effect)
  }
}

async function evaluate(
  world: CoordinatorWorld,
  round: number,
  checkpoint: BlobReference | null,
): Promise<NewEvent> {
  const adapter = checkpoint === null ? null : floatsOf(await world.blobs.read(checkpoint.digest))
  const { lossSum, targetTokens } = await world.compute.run('evaluate', {
    ...world.validation,
    adapter,
  })
  return { type: 'evaluated', round, loss: lossSum / targetTokens }
}

async function aggregate(world: CoordinatorWorld, job: AggregationJob): Promise<NewEvent> {
  const output = await computeAggregate(world, job)
  const stored = await storeAggregate(world.blobs, output)
  const manifest = manifestOf(world.runId, job, stored, output.rejected)
  const signature = await world.sign(signingBytes('manifest', manifest))
  const manifestReference = await world.blobs.put(encode({ manifest, signature }))
  return {
    type: 'aggregated',
    round: job.round,
    aggregate: { ...stored, manifest: manifestReference, rejected: output.rejected },
  }
}

type Numbers = Pick<CoordinatorWorld, 'config' | 'blobs' | 'compute' | 'measured'>

/** Payloads in memory at a time: of a whole crowd's, a round can have gigabytes. */
const PAYLOADS_AT_ONCE = 32

/** The numbers of an aggregation: a pure function of the job and of the blobs it names. */
export async function computeAggregate(
  world: Numbers,
  job: AggregationJob,
): Promise<AggregateOutput> {
  const { blobs, compute, config } = world
  const contributions = []
  for (const { leaseId, payload, tokens, steps } of job.contributions) {
    const measured = await measurePayload(world, payload.digest)
    contributions.push({ leaseId, measured, tokens, steps })
  }
  const outerState = job.outerState === null ? null : await blobs.read(job.outerState.digest)
  const { learningRate, outerScale } = job
  await compute.run('open-merge', { config, outerState, learningRate, outerScale, contributions })
  let adding: Promise<unknown> = Promise.resolve()
  for (let first = 0; first < job.contributions.length; first += PAYLOADS_AT_ONCE) {
    const part = job.contributions.slice(first, first + PAYLOADS_AT_ONCE)
    const payloads = await Promise.all(part.map(({ payload }) => blobs.read(payload.digest)))
    // The next ones are read while these are added.
    await adding
    adding = compute.run('add-payloads', payloads)
  }
  await adding
  world.measured.clear()
  return compute.run('close-merge', null)
}

/** Once for each payload: when it comes, so that the merge at the end of a round is short. */
export async function measurePayload(
  { config, blobs, compute, measured }: Numbers,
  digest: Digest,
): Promise<Measured> {
  const known = measured.get(digest)
  if (known !== undefined) return known
  const payload = await blobs.read(digest)
  const result = await compute.run('measure', { config, payload })
  measured.set(digest, result)
  return result
}

type StoredAggregate = Omit<Aggregate, 'manifest' | 'rejected'>

async function storeAggregate(blobs: BlobStore, output: AggregateOutput): Promise<StoredAggregate> {
  const checkpoint = await blobs.put(output.adapter)
  return {
    adapter: checkpoint.digest,
    checkpoint,
    update: await blobs.put(output.update),
    moment: output.moment === null ? null : await blobs.put(output.moment),
    outerState: await blobs.put(output.outerState),
  }
}

/** What the coordinator signs about a round; rejected contributions are left out. */
export function manifestOf(
  runId: RunId,
  job: AggregationJob,
  stored: StoredAggregate,
  rejected: AggregateOutput['rejected'],
): Manifest {
  const refused = new Set(rejected.map(({ leaseId }) => leaseId))
  return {
    runId,
    round: job.round,
    parent: job.parent === null ? null : job.parent.digest,
    base: job.base,
    ...stored,
    outerScale: job.outerScale,
    learningRate: job.learningRate,
    contributions: job.contributions.filter(({ leaseId }) => !refused.has(leaseId)),
  }
}

/** The references that `storeAggregate` would give, without storing anything. */
export function referencesOf(output: AggregateOutput): StoredAggregate {
  const reference = (bytes: Uint8Array): { digest: Digest; bytes: number } => ({
    digest: digestOf(bytes),
    bytes: bytes.length,
  })
  const checkpoint = reference(output.adapter)
  return {
    adapter: checkpoint.digest,
    checkpoint,
    update: reference(output.update),
    moment: output.moment === null ? null : reference(output.moment),
    outerState: reference(output.outerState),
  }
}
