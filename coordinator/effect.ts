/**
 * What a decision asks of the world. The shell performs the effects of one step in order, after the
 * event that caused them is in the journal, and feeds the outcome back as an event.
 */
import type { Digest } from '../protocol/digest.ts'
import type { CountedContribution } from '../protocol/envelope.ts'
import type {
  Lease,
  LeaseId,
  Notice,
  PeerId,
  Reply,
  Request,
  RoundStart,
} from '../protocol/messages.ts'
import type { BlobReference, RunConfig } from '../protocol/run-config.ts'

/** Everything that decides the bytes of the next adapter, in canonical order (by first batch). */
export interface AggregationJob {
  round: number
  base: Digest
  /** Manifest of the round before; null in round 0. */
  parent: BlobReference | null
  /** State to continue from; null in round 0, where it follows from the seed. */
  outerState: BlobReference | null
  learningRate: number
  /** Share of the full outer step to take: √(counted / expected), 1 when the quorum was met. */
  outerScale: number
  contributions: CountedContribution[]
}

export interface LogEffect {
  type: 'log'
  level: 'debug' | 'info' | 'warn'
  text: string
}

export type CoordinatorEffect =
  | { type: 'reply'; peer: PeerId; requestId: number; reply: Reply }
  /** To one member, or to all who are here. */
  | { type: 'notify'; to: PeerId | 'all'; notice: Notice }
  | { type: 'aggregate'; job: AggregationJob }
  /** Held-out loss of the adapter that starts `round` (round 0: the base model itself). */
  | { type: 'evaluate'; round: number; adapter: Digest; checkpoint: BlobReference | null }
  /** The peer has no business here any more. */
  | { type: 'disconnect'; peer: PeerId; reason: string }
  | LogEffect

export type ParticipantEffect =
  | { type: 'connect' }
  | { type: 'request'; requestId: number; request: Request }
  /** Fetch the base weights by digest and build the trainer. */
  | { type: 'set-up'; config: RunConfig; runId: Digest }
  /** Bring the adapter to the round's base: update if it fits, else checkpoint. */
  | { type: 'prepare'; start: RoundStart }
  | { type: 'train'; lease: Lease; start: RoundStart }
  /**
   * End and hand over the prefix (`trained`): after the step in progress, with at least one, or in
   * the middle of it, with nothing perhaps (`training-failed`).
   */
  | { type: 'stop-training'; leaseId: LeaseId; when: 'after-step' | 'now' }
  /** The lease is lost: end and forget it; no event follows. */
  | { type: 'abandon-training'; leaseId: LeaseId }
  /**
   * Ask for an upload slot (`upload`), wait for `go`, send the bytes: `uploaded`, `upload-failed`.
   */
  | { type: 'upload'; leaseId: LeaseId; payload: BlobReference }
  | { type: 'disconnect' }
  /** The participant is done; `outcome` decides the exit code. */
  | {
      type: 'exit'
      outcome: 'finished' | 'left' | 'refused' | 'version' | 'failed'
      reason: string
    }
  | LogEffect
