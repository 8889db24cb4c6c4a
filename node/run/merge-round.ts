/**
 * A round merged: a pure function of the job and of the blobs that it names. The coordinator runs
 * it when a round ends, and `verifyRun` runs the same lines again; they differ only in what becomes
 * of the results, which one stores and the other just measures.
 */
import type { Aggregate, AggregationJob } from '../../coordinator/index.ts'
import type { Measured } from '../../kernels/index.ts'
import type { BlobReference, Digest, Manifest, RunConfig, RunId } from '../../protocol/index.ts'
import type { Compute } from '../compute/compute.ts'
import { floatsOf } from '../compute/floats.ts'
import type { AggregateOutput, MergeInput } from '../compute/task.ts'
import type { BlobReader } from './evidence.ts'
import { readManifest } from './read-manifest.ts'

export interface MergeWorld {
  config: RunConfig
  runId: RunId
  blobs: BlobReader
  compute: Compute
  /** What has been measured of the round's payloads so far, by digest. */
  measured: Map<Digest, Measured>
}

export interface MergedRound {
  aggregate: Omit<Aggregate, 'manifest'>
  /** What the coordinator signs about the round. */
  manifest: Manifest
}

/** Payloads in memory at a time: those of a large crowd's round can have gigabytes together. */
const PAYLOADS_AT_ONCE = 32

/** @param keep what becomes of each result: stored, or only named by its digest */
export async function mergeRound(
  world: MergeWorld,
  job: AggregationJob,
  keep: (bytes: Uint8Array) => Promise<BlobReference>,
): Promise<MergedRound> {
  const output = await mergePayloads(world, job)
  const checkpoint = await keep(output.adapter)
  const results = {
    adapter: checkpoint.digest,
    checkpoint,
    update: await keep(output.update),
    moment: output.moment === null ? null : await keep(output.moment),
    outerState: await keep(output.outerState),
  }
  const offered = new Map(job.contributions.map((each) => [each.leaseId, each]))
  return {
    aggregate: { ...results, rejected: output.rejected, contrary: output.contrary },
    manifest: {
      runId: world.runId,
      round: job.round,
      parent: job.parent === null ? null : job.parent.digest,
      base: job.base,
      ...results,
      outerScale: job.outerScale,
      learningRate: job.learningRate,
      merge: job.merge,
      corrections: job.corrections,
      contributions: output.counted.map((each) => ({ ...offered.get(each.leaseId)!, ...each })),
    },
  }
}

async function mergePayloads(world: MergeWorld, job: AggregationJob): Promise<AggregateOutput> {
  const { compute, config } = world
  const contributions = []
  for (const { leaseId, payload, tokens, steps } of job.contributions) {
    const measured = await measurePayload(world, payload)
    contributions.push({ leaseId, measured, tokens, steps })
  }
  const outerState = await correctedState(world, job)
  const { merge, learningRate, outerScale } = job
  const how = { config, outerState, merge, learningRate, outerScale, contributions }
  const first = outerState === null ? await startOf(world) : {}
  const passes = await compute.run('open-merge', { ...how, ...first })
  await passPayloads(world, 'add-payloads', job.contributions, passes)
  world.measured.clear()
  return compute.run('close-merge', null)
}

/** What the first round starts from, where it is not the adapter that the seed gives. */
async function startOf({ config, blobs }: MergeWorld): Promise<Pick<MergeInput, 'first'>> {
  const { start } = config.adapter
  if (start === undefined) return {}
  return { first: floatsOf(await readBlob(blobs, start.checkpoint)) }
}

/** The state that the round continues from, without what is taken back of earlier rounds. */
export async function correctedState(
  world: MergeWorld,
  { outerState: before, corrections }: AggregationJob,
): Promise<Uint8Array | null> {
  if (before === null) return null
  let outerState = await readBlob(world.blobs, before)
  // What counts no more has moved the adapter all the same: see coordinator/corrections.ts.
  if (world.config.training.mode === 'gradient') return outerState
  for (const { manifest: reference, leaseIds, theta, momentum } of corrections) {
    const { manifest } = await readManifest(world.blobs, reference.digest)
    const { merge, contributions } = manifest
    const takenBack = new Set(leaseIds)
    const passes = await world.compute.run('open-correction', {
      config: world.config,
      outerState,
      merge,
      theta,
      momentum,
      rows: contributions.map(({ leaseId, weight, clip }) => {
        return { weight, clip, isSummed: takenBack.has(leaseId) }
      }),
    })
    // Which rows are left of a trimmed mean depends on all of them.
    const needed = contributions.filter(
      ({ leaseId }) => merge === 'trimmed' || takenBack.has(leaseId),
    )
    await passPayloads(world, 'subtract-payloads', needed, passes)
    outerState = await world.compute.run('close-correction', null)
  }
  return outerState
}

/** All of them, so often as is asked for. */
async function passPayloads(
  world: MergeWorld,
  task: 'add-payloads' | 'subtract-payloads',
  of: readonly { payload: BlobReference }[],
  passes: number,
): Promise<void> {
  for (let pass = 0; pass < passes; pass++) await passOnce(world, task, of)
}

/** Some at a time, in their order; the next ones are read while these are worked on. */
async function passOnce(
  { blobs, compute }: MergeWorld,
  task: 'add-payloads' | 'subtract-payloads',
  of: readonly { payload: BlobReference }[],
): Promise<void> {
  const readPart = (first: number) =>
    Promise.all(
      of.slice(first, first + PAYLOADS_AT_ONCE).map(({ payload }) => readBlob(blobs, payload)),
    )
  let payloads = await readPart(0)
  for (let next = PAYLOADS_AT_ONCE; payloads.length > 0; next += PAYLOADS_AT_ONCE) {
    const [following] = await Promise.all([readPart(next), compute.run(task, payloads)])
    payloads = following
  }
}

/** Once for each payload: when it comes, so that the merge at the end of a round is short. */
export async function measurePayload(
  { config, blobs, compute, measured }: MergeWorld,
  { digest, bytes }: BlobReference,
): Promise<Measured> {
  const known = measured.get(digest)
  if (known !== undefined) return known
  const payload = await blobs.read(digest, bytes)
  const result = await compute.run('measure', { config, payload })
  measured.set(digest, result)
  return result
}

const readBlob = (blobs: BlobReader, { digest, bytes }: BlobReference): Promise<Uint8Array> =>
  blobs.read(digest, bytes)
