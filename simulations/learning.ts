/**
 * What training would give. Modelled: names instead of numbers, so that only time is real, and ten
 * thousand volunteers fit.
 */
import type { AggregationJob } from '../coordinator/effect.ts'
import type { Aggregate } from '../coordinator/event.ts'
import { type Digest, digestOf, utf8ToBytes } from '../protocol/digest.ts'
import { STEPS_MAX } from '../protocol/limits.ts'
import type { Contribution, Lease } from '../protocol/messages.ts'
import type { RunConfig } from '../protocol/run-config.ts'

export type WorkDone = Pick<Contribution, 'tokens' | 'loss' | 'trace' | 'payload'>

export interface Learning {
  /** Digest of the adapter that the seed gives. */
  readonly base: Digest
  train(lease: Lease, peer: string, steps: number): WorkDone
  merge(job: AggregationJob): Omit<Aggregate, 'manifest'>
  /** Held-out loss of the adapter that starts `round`; null: nobody knows. */
  evaluate(round: number): number | null
}

/** Bytes of what is sent, as the run's config makes them. */
export interface Sizes {
  payload: number
  update: number
  checkpoint: number
  moment: number
}

export const digestOfText = (text: string): Digest => digestOf(utf8ToBytes(text))

export function modelledLearning(config: RunConfig, sizes: Sizes): Learning {
  const { batchSequences } = config.training
  const tokensOfStep = batchSequences * config.dataset.sequenceLength
  const link = digestOfText('a step')
  const traces = Array.from({ length: STEPS_MAX + 1 }, (_, steps) =>
    Array<Digest>(steps).fill(link),
  )
  return {
    base: digestOfText(`adapter 0 of ${config.seed}`),
    train: (lease, peer, steps) => ({
      tokens: steps * tokensOfStep,
      loss: 0,
      trace: traces[steps]!,
      payload: { digest: unique(lease.leaseId, peer), bytes: sizes.payload },
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
      }
    },
    evaluate: () => null,
  }
}

/** A digest that no other lease has; hashing millions of names would take longer than the run. */
function unique(leaseId: number, peer: string): Digest {
  const name = leaseId.toString(16).padStart(16, '0')
  const maker = Number.parseInt(peer.slice(1), 10).toString(16).padStart(16, '0')
  return name + maker + name + maker
}
