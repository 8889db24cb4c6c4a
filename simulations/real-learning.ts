/**
 * Learning with real numbers: each lease is trained by the run's own kernels, each round merged by
 * them, so that the loss curve is the true one and the adapter is the one that a run would make.
 * Work is done once for all who ask for the same: what a lease gives depends on its batches and on
 * the adapter that it starts from, not on who does it.
 */
import type { AggregationJob } from '../coordinator/index.ts'
import {
  assert,
  type BlobReference,
  type Correction,
  type Digest,
  digestOf,
  type Lease,
  type MergeRule,
} from '../protocol/index.ts'
import type { Forgery, Lie } from './attackers/attacker.ts'
import { type Form, forge } from './forge.ts'
import { stream } from './laws.ts'
import { falseTrace, type Learning, manifestOf } from './learning.ts'
import type { WorkDone } from './work-done.ts'

/** The numbers, as the platform has them: pure functions of what they are given. */
export interface Numbers {
  /** The adapter that the seed gives. */
  readonly initial: Uint8Array
  train(work: Pick<Lease, 'firstBatch' | 'learningRate'>, steps: number, from: Standing): Trained
  merge(
    job: AggregationJob,
    payloads: readonly Uint8Array[],
    from: Standing,
    corrections: readonly Subtracted[],
  ): Merged
  /** How scalars are written in a payload. */
  readonly form: Form
  /** Held-out loss, nats a token. */
  evaluate(adapter: Uint8Array): number
  /** The same on the text that the gate measures on; null: the run has no gate. */
  readonly gateLoss: ((adapter: Uint8Array) => number) | null
}

/** A correction, with what it is made of. */
export interface Subtracted {
  theta: number
  momentum: number
  /** How that round was merged, and all that it counted, in canonical order. */
  merge: MergeRule
  rows: readonly { payload: Uint8Array; weight: number; clip: number; isSummed: boolean }[]
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
  /** What corrections leave of the adapter that the round started from; null: there are none. */
  corrected: Uint8Array | null
  counted: { leaseId: number; weight: number; clip: number }[]
  rejected: { leaseId: number; reason: string }[]
  contrary: number[]
}

type Job = Pick<Lease, 'base' | 'firstBatch' | 'learningRate'>

export function realLearning(numbers: Numbers): Learning {
  const base = digestOf(numbers.initial)
  /** What each round starts from, by the digest of its adapter. */
  const standings = new Map<string, Standing>([
    [base, { adapter: numbers.initial, moment: null, outerState: null }],
  ])
  /** What each merge was made of, by its manifest. */
  const mergedBy = new Map<Digest, MergedOf>()
  const gateLosses = new Map<Digest, number>()
  const done = new Map<string, WorkDone>()
  const payloads = new Map<string, Uint8Array>()

  function standing(digest: string): Standing {
    const found = standings.get(digest)
    assert(found !== undefined, `no round starts from ${digest}`)
    return found
  }

  function train(lease: Job, steps: number): WorkDone {
    const key = `${lease.base} ${lease.firstBatch} ${steps}`
    const before = done.get(key)
    if (before !== undefined) return before
    const { payload, ...rest } = numbers.train(lease, steps, standing(lease.base))
    const work = { ...rest, payload: reference(payload) }
    payloads.set(work.payload.digest, payload)
    done.set(key, work)
    return work
  }

  /** What is false is made of what is right. */
  function lie(lease: Lease, steps: number, { rightLinks, payload: forgery }: Lie): WorkDone {
    const right = train(lease, steps)
    const trace = falseTrace(right.trace, rightLinks, lease)
    return { ...right, trace, payload: forged(lease, right, forgery) }
  }

  function forged(lease: Lease, right: WorkDone, forgery: Forgery): BlobReference {
    if (typeof forgery !== 'string') {
      return 'payload' in forgery ? forgery.payload : train(lease, forgery.steps).payload
    }
    const random = stream(lease.leaseId, 8)
    const payload = forge(payloads.get(right.payload.digest)!, forgery, numbers.form, random)
    const payloadReference = reference(payload)
    payloads.set(payloadReference.digest, payload)
    return payloadReference
  }

  return {
    base,
    train,
    lie,
    repeat({ start, firstBatch, steps, kind }) {
      const { base, learningRate } = start
      const { trace, payload, tokens } = train({ base, learningRate, firstBatch }, steps)
      if (kind === 'look') return { trace, payload: null, tokens: null }
      return { trace, payload: payload.digest, tokens }
    },
    merge(job) {
      const { contributions, merge, base } = job
      const before = standing(base)
      const given = contributions.map(({ payload }) => payloads.get(payload.digest)!)
      const merged = numbers.merge(job, given, before, job.corrections.map(subtracted))
      const { adapter, update, moment, outerState, counted, rejected, contrary } = merged
      const digest = digestOf(adapter)
      standings.set(digest, merged)
      const payloadOf = new Map(contributions.map((each) => [each.leaseId, each.payload.digest]))
      const rows = counted.map((row) => ({ ...row, payload: payloadOf.get(row.leaseId)! }))
      mergedBy.set(manifestOf(digest), { merge, rows })
      const losses = lossesOf(before.adapter, merged)
      return {
        adapter: digest,
        checkpoint: reference(adapter),
        update: reference(update),
        moment: moment === null ? null : reference(moment),
        outerState: reference(outerState!),
        rejected,
        contrary,
        ...(losses !== null && { losses }),
      }
    },
    evaluate: (adapter) => numbers.evaluate(standing(adapter).adapter),
  }

  function subtracted({ manifest, leaseIds, theta, momentum }: Correction): Subtracted {
    const { merge, rows } = mergedBy.get(manifest.digest)!
    const takenBack = new Set(leaseIds)
    return {
      theta,
      momentum,
      merge,
      rows: rows.map(({ leaseId, payload, weight, clip }) => {
        const bytes = payloads.get(payload)!
        return { payload: bytes, weight, clip, isSummed: takenBack.has(leaseId) }
      }),
    }
  }

  /** What the gate compares, as `node/roles/perform-coordinator.ts` does. */
  function lossesOf(before: Uint8Array, { adapter, corrected }: Merged) {
    if (numbers.gateLoss === null) return null
    const left = corrected === null ? 0 : lossAtGate(corrected)
    return { before: Math.max(lossAtGate(before), left), after: lossAtGate(adapter) }
  }

  function lossAtGate(adapter: Uint8Array): number {
    const digest = digestOf(adapter)
    const known = gateLosses.get(digest)
    if (known !== undefined) return known
    const loss = numbers.gateLoss!(adapter)
    const finite = Number.isFinite(loss) ? loss : Number.MAX_VALUE
    gateLosses.set(digest, finite)
    return finite
  }
}

interface MergedOf {
  merge: MergeRule
  rows: { leaseId: number; payload: Digest; weight: number; clip: number }[]
}

const reference = (bytes: Uint8Array): BlobReference => ({
  digest: digestOf(bytes),
  bytes: bytes.length,
})
