/**
 * What training would give. Modelled: names instead of numbers, so that only time is real, and ten
 * thousand volunteers fit.
 */
import type { Aggregate, AggregationJob, AuditResult } from '../coordinator/index.ts'
import {
  type AuditOffer,
  type Digest,
  type Lease,
  type RunConfig,
  STEPS_MAX,
} from '../protocol/index.ts'
import type { Forgery, Lie } from './attackers/attacker.ts'
import { digestOfText, type WorkDone } from './work-done.ts'

export type Repeated = Pick<AuditOffer, 'start' | 'firstBatch' | 'steps' | 'kind'>

export interface Learning {
  /** Digest of the adapter that the seed gives. */
  readonly base: Digest
  train(lease: Lease, steps: number): WorkDone
  /** What is said instead. */
  lie(lease: Lease, steps: number, lie: Lie): WorkDone
  /** The same steps again: what an auditor gets. */
  repeat(steps: Repeated): AuditResult
  merge(job: AggregationJob): Omit<Aggregate, 'manifest'>
  /** Held-out loss of an adapter; null: nobody knows. */
  evaluate(adapter: Digest): number | null
}

/** The digest of the manifest of the merge that made an adapter. */
export const manifestOf = (adapter: Digest): Digest => digestOfText(`manifest ${adapter}`)

/** Bytes of what is sent, as the run's config makes them. */
export interface Sizes {
  payload: number
  update: number
  checkpoint: number
  moment: number
}

export function modelledLearning(config: RunConfig, sizes: Sizes): Learning {
  const { batchSequences } = config.training
  const tokensOfStep = batchSequences * config.dataset.sequenceLength
  const link = digestOfText('a step')
  /** Payloads that point against the others, as whole ones that were turned round do. */
  const contrary = new Set<Digest>()
  const traces = Array.from({ length: STEPS_MAX + 1 }, (_, steps) =>
    Array<Digest>(steps).fill(link),
  )
  return {
    base: digestOfText(`adapter 0 of ${config.seed}`),
    train: (lease, steps) => ({
      tokens: steps * tokensOfStep,
      loss: 0,
      trace: traces[steps]!,
      payload: { digest: payloadOf(lease.round, lease.firstBatch, steps), bytes: sizes.payload },
    }),
    lie: (lease, steps, { rightLinks, payload }) => {
      const digest = forgedPayload(lease, payload)
      if (payload === 'flipped') contrary.add(digest)
      return {
        tokens: steps * tokensOfStep,
        loss: 0,
        trace: falseTrace(traces[steps]!, rightLinks, lease),
        payload: { digest, bytes: sizes.payload },
      }
    },
    repeat: ({ start, firstBatch, steps, kind }) => ({
      trace: traces[steps]!,
      payload: kind === 'full' ? payloadOf(start.round, firstBatch, steps) : null,
      tokens: kind === 'full' ? steps * tokensOfStep : null,
    }),
    merge: ({ round, base, contributions }) => {
      const peers = contributions.map(({ leaseId, steps }) => `${leaseId}:${steps}`).join()
      const adapter = digestOfText(`${round} ${base} ${peers}`)
      return {
        adapter,
        checkpoint: { digest: adapter, bytes: sizes.checkpoint },
        update: { digest: digestOfText(`update ${adapter}`), bytes: sizes.update },
        moment: { digest: digestOfText(`moment ${adapter}`), bytes: sizes.moment },
        outerState: { digest: digestOfText(`outer ${adapter}`), bytes: 3 * sizes.checkpoint },
        rejected: [],
        contrary: contributions
          .filter(({ payload }) => contrary.has(payload.digest))
          .map(({ leaseId }) => leaseId),
      }
    },
    evaluate: () => null,
  }
}

/** The first links as they are, and then what nobody else gets. */
export function falseTrace(right: Digest[], rightLinks: number, { leaseId }: Lease): Digest[] {
  const link = digestOfText(`false ${leaseId}`)
  return right.map((each, place) => (place < rightLinks ? each : link))
}

/** Work of others is handed in as it is, all else is nobody's. */
function forgedPayload({ leaseId, round, firstBatch }: Lease, forgery: Forgery): Digest {
  if (typeof forgery === 'string') return digestOfText(`${forgery} ${leaseId}`)
  if ('payload' in forgery) return forgery.payload.digest
  return payloadOf(round, firstBatch, forgery.steps)
}

/** What no other work gives; hashing millions of names would take longer than the run. */
function payloadOf(round: number, firstBatch: number, steps: number): Digest {
  const digits = [round, firstBatch, steps, firstBatch].map((n) => n.toString(16).padStart(16, '0'))
  return digits.join('')
}
