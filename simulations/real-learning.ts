/**
 * Learning with real numbers: each lease is trained by the run's own kernels, each round merged by
 * them, so that the loss curve is the true one and the adapter is the one that a run would make.
 * Work is done once for all who ask for the same: what a lease gives depends on its batches and on
 * the adapter that it starts from, not on who does it.
 */
import type { AggregationJob } from '../coordinator/effect.ts'
import { digestOf } from '../protocol/digest.ts'
import { assert } from '../protocol/errors.ts'
import type { Lease } from '../protocol/messages.ts'
import type { BlobReference } from '../protocol/run-config.ts'
import type { Learning, WorkDone } from './learning.ts'

/** The numbers, as the platform has them: pure functions of what they are given. */
export interface Numbers {
  /** The adapter that the seed gives. */
  readonly initial: Uint8Array
  train(work: Pick<Lease, 'firstBatch' | 'learningRate'>, steps: number, from: Standing): Trained
  merge(job: AggregationJob, payloads: readonly Uint8Array[], from: Standing): Merged
  /** Held-out loss, nats a token. */
  evaluate(adapter: Uint8Array): number
}

/** What a round starts from. */
export interface Standing {
  adapter: Uint8Array
  /** null before the first merge. */
  moment: Uint8Array | null
  outerState: Uint8Array | null
}

export type Trained = Omit<WorkDone, 'payload'> & { payload: Uint8Array }
export type Merged = Standing & {
  update: Uint8Array
  rejected: { leaseId: number; reason: string }[]
}

export function realLearning(numbers: Numbers): Learning {
  const base = digestOf(numbers.initial)
  /** By the digest of the adapter. */
  const standings = new Map<string, Standing>([
    [base, { adapter: numbers.initial, moment: null, outerState: null }],
  ])
  const adapters: Uint8Array[] = [numbers.initial]
  const done = new Map<string, WorkDone>()
  const payloads = new Map<string, Uint8Array>()

  function standing(digest: string): Standing {
    const found = standings.get(digest)
    assert(found !== undefined, `no round starts from ${digest}`)
    return found
  }

  return {
    base,
    train(lease, _peer, steps) {
      const key = `${lease.base} ${lease.firstBatch} ${steps}`
      const before = done.get(key)
      if (before !== undefined) return before
      const { payload, ...rest } = numbers.train(lease, steps, standing(lease.base))
      const work = { ...rest, payload: reference(payload) }
      payloads.set(work.payload.digest, payload)
      done.set(key, work)
      return work
    },
    merge(job) {
      const given = job.contributions.map(({ payload }) => payloads.get(payload.digest)!)
      const merged = numbers.merge(job, given, standing(job.base))
      const { adapter, update, moment, outerState, rejected } = merged
      const digest = digestOf(adapter)
      standings.set(digest, merged)
      adapters[job.round + 1] = adapter
      // What was made for this round is of no use any more.
      done.clear()
      return {
        adapter: digest,
        checkpoint: reference(adapter),
        update: reference(update),
        moment: moment === null ? null : reference(moment),
        outerState: reference(outerState!),
        rejected,
      }
    },
    evaluate: (round) => numbers.evaluate(adapters[round]!),
  }
}

const reference = (bytes: Uint8Array): BlobReference => ({
  digest: digestOf(bytes),
  bytes: bytes.length,
})
