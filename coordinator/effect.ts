/**
 * What a decision asks of the world. The shell performs the effects of one step in order, after the
 * event that caused them is in the journal, and feeds the outcome back as an event.
 */
import type {
  BlobReference,
  Correction,
  CountedContribution,
  Digest,
  LogEffect,
  MergeRule,
  Notice,
  PeerId,
  Reply,
  ScoredRow,
} from '../protocol/index.ts'
import type { Audit } from './audit.ts'

/** A contribution before its merge, which decides how much of it counts. */
export type OfferedContribution = Omit<CountedContribution, 'weight' | 'clip'>

/** Everything that decides the bytes of the next adapter, in canonical order (by first batch). */
export interface AggregationJob {
  round: number
  /** Which merge it is of all that were asked for: one that was overtaken counts for nothing. */
  attempt: number
  base: Digest
  /** Manifest of the round before; null in round 0. */
  parent: BlobReference | null
  /** State to continue from; null in round 0, where it follows from the seed. */
  outerState: BlobReference | null
  learningRate: number
  /** Share of the full outer step to take: √(counted / expected), 1 when the quorum was met. */
  outerScale: number
  merge: MergeRule
  /** What is subtracted first, of what earlier rounds merged; oldest round first. */
  corrections: Correction[]
  contributions: OfferedContribution[]
}

/** Somebody's steps, for the coordinator to repeat. */
export type AuditJob = Pick<
  Audit,
  'auditId' | 'leaseId' | 'peer' | 'start' | 'firstBatch' | 'steps' | 'kind'
>

export type CoordinatorEffect =
  | { type: 'reply'; peer: PeerId; requestId: number; reply: Reply }
  /** The notice goes to one member, or to all who are here. */
  | { type: 'notify'; to: PeerId | 'all'; notice: Notice }
  | { type: 'aggregate'; job: AggregationJob }
  | { type: 'audit'; job: AuditJob }
  /**
   * The run is over: put the key of the coin, which is no secret any more, into the journal. So
   * many were published before.
   */
  | { type: 'publish-coin'; published: number }
  /** Losses of the adapter that starts `round` (round 0: of the base model itself). */
  | { type: 'evaluate'; round: number; adapter: Digest; checkpoint: BlobReference | null }
  /** Rows of the run's questions and prompts, for the adapter that starts `round`. */
  | {
      type: 'score'
      round: number
      adapter: Digest
      checkpoint: BlobReference | null
      first: number
      rows: number
    }
  /** What all of them come to. */
  | { type: 'sum-up-scores'; round: number; adapter: Digest; outcomes: ScoredRow[] }
  /** The process has to end: the run cannot go on before its organiser has changed something. */
  | { type: 'stop'; reason: string }
  /** Close the peer's connection, once it could read why it is refused or banned. */
  | { type: 'disconnect'; peer: PeerId; reason: string }
  | LogEffect
