/**
 * Local steps, trained again: a lease is a pure function of its base, its batches and its seed, so
 * that whoever repeats it must get every link of its trace and, after its last step, its payload.
 */
import {
  type BlobReference,
  type Contribution,
  type LeaseId,
  type RoundStart,
  type RunConfig,
  type RunId,
  traceStart,
} from '../../protocol/index.ts'
import type { Compute } from '../compute/compute.ts'
import { floatsOf } from '../compute/floats.ts'
import { fitJob, type JobLimits } from '../compute/job.ts'
import type { TrainOutput } from '../compute/task.ts'
import { readBatches } from '../dataset/batches.ts'
import type { BlobReader, Evidence } from './evidence.ts'
import { type Mismatch, reasonOf } from './mismatch.ts'

/** What to train again: the first so many steps of a lease. */
export interface ReplayPick {
  leaseId: LeaseId
  steps: number
}

interface ReplayWorld {
  evidence: Pick<Evidence, 'blobs' | 'digestOf'>
  compute: Compute
  limits: JobLimits
}

export interface Replayer {
  /**
   * @param start what the lease's round started from
   * @param made blobs of that start, by digest
   * @param hear is told of each step
   */
  replay(
    pick: ReplayPick,
    contribution: Contribution,
    start: RoundStart,
    made: ReadonlyMap<string, Uint8Array>,
    hear: (steps: number) => void,
  ): Promise<Mismatch | null>
}

export function createReplayer(config: RunConfig, runId: RunId, world: ReplayWorld): Replayer {
  const { compute, limits } = world
  const { blobs, digestOf } = world.evidence
  let ready: Promise<unknown> | null = null
  const shards = createShardCache(blobs)

  async function setUp(): Promise<void> {
    const { job } = fitJob(config, limits)
    const { digest, bytes } = config.base.weights
    const weights = await (blobs.file?.(digest) ?? blobs.read(digest, bytes))
    await compute.run('set-up', { config, job, weights })
  }

  return {
    async replay({ steps }, contribution, start, made, hear) {
      const { leaseId } = contribution
      const mismatch = (reason: string): Mismatch => ({ record: `lease ${leaseId}`, reason })
      try {
        ready ??= setUp()
        await ready
        const { round, peer, base, firstBatch } = contribution
        const sequences = await readBatches(config, firstBatch, steps, shards.read)
        compute.onStep((progress) => hear(progress.steps))
        const output = await compute.run('train', {
          ...sequences,
          leaseId,
          firstBatch,
          steps,
          adapter: floatsOf(made.get(base)!.slice()),
          moment: start.moment === null ? null : made.get(start.moment.digest)!.slice(),
          learningRate: start.learningRate,
          traceStart: traceStart({ runId, round, leaseId, peer, base }),
        })
        return await differenceOf(output, contribution, steps, digestOf)
      } catch (error) {
        return mismatch(reasonOf(error))
      }
    },
  }
}

async function differenceOf(
  output: TrainOutput,
  { leaseId, peer, trace, payload, steps: done, tokens }: Contribution,
  steps: number,
  digestOf: Evidence['digestOf'],
): Promise<Mismatch | null> {
  const record = `lease ${leaseId}`
  if (output.status === 'failed') return { record, reason: output.reason }
  if (output.status === 'empty') return { record, reason: 'its first step came to nothing' }
  const step = output.trace.findIndex((link, index) => link !== trace[index])
  if (step >= 0) {
    const reason = `the link is ${output.trace[step]}: that of ${peer} is ${trace[step]}`
    return { record: `${record}, step ${step + 1}`, reason }
  }
  if (steps < done) return null
  const digest = await digestOf(output.payload)
  if (digest !== payload.digest) {
    return { record, reason: `its payload is ${digest}: that of ${peer} is ${payload.digest}` }
  }
  return output.tokens === tokens
    ? null
    : { record, reason: `it has ${output.tokens} target tokens: ${peer} says ${tokens}` }
}

/** Neighbours in a round train on the same shards. */
const SHARDS_KEPT = 4

function createShardCache(blobs: BlobReader): {
  read(shard: BlobReference): Promise<Uint8Array>
} {
  const kept = new Map<string, Promise<Uint8Array>>()
  return {
    read({ digest, bytes }) {
      const known = kept.get(digest) ?? blobs.read(digest, bytes)
      kept.delete(digest)
      kept.set(digest, known)
      if (kept.size > SHARDS_KEPT) kept.delete(kept.keys().next().value!)
      return known
    },
  }
}
