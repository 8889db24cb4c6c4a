/**
 * What can happen to a coordinator and to a participant. An event carries everything a decision
 * needs: the time (`at`, milliseconds on the process's own clock), and the outcome of whatever the
 * world did.
 */
import type { Digest } from '../protocol/digest.ts'
import type {
  Contribution,
  LeaseId,
  Notice,
  PeerId,
  Refusal,
  Reply,
  Request,
} from '../protocol/messages.ts'
import type { BlobReference } from '../protocol/run-config.ts'

/** What an aggregation made; every blob named here is already stored. */
export interface Aggregate {
  adapter: Digest
  checkpoint: BlobReference
  update: BlobReference
  moment: BlobReference | null
  outerState: BlobReference
  /** Digest of the signed manifest. */
  manifest: BlobReference
  /**
   * Contributions that the numbers refused (not finite, beyond the bound): not counted, owed again.
   */
  rejected: { leaseId: LeaseId; reason: string }[]
}

export type CoordinatorEvent =
  /** The process started, for the first time or again: nobody is connected. */
  | { type: 'started'; at: number }
  /**
   * A peer asks; `signatureValid` is what the world found for a signed request, true for others.
   */
  | {
      type: 'request'
      at: number
      peer: PeerId
      requestId: number
      request: Request
      signatureValid: boolean
    }
  | { type: 'disconnected'; at: number; peer: PeerId }
  /** A committed payload arrived whole, matches its digest, has the right form and is stored. */
  | { type: 'payload-stored'; at: number; leaseId: LeaseId }
  /** A committed payload arrived and is not what it must be: its sender is at fault. */
  | { type: 'payload-refused'; at: number; leaseId: LeaseId; reason: string }
  | { type: 'aggregated'; at: number; round: number; aggregate: Aggregate }
  | { type: 'evaluated'; at: number; round: number; loss: number }
  /** Time passed; sent when `nextDeadline` is reached. */
  | { type: 'tick'; at: number }

export type ParticipantEvent =
  | { type: 'started'; at: number }
  | { type: 'connected'; at: number }
  | { type: 'disconnected'; at: number; reason: string }
  | { type: 'reply'; at: number; requestId: number; reply: Reply }
  | { type: 'request-failed'; at: number; requestId: number; reason: string }
  | { type: 'notice'; at: number; notice: Notice }
  /** The model of the run is loaded. */
  | { type: 'set-up'; at: number }
  /** The round's base adapter is loaded and its digest is right. */
  | { type: 'prepared'; at: number; round: number; base: Digest }
  /** Fetching or loading failed; `fatal` when trying again cannot help. */
  | { type: 'failed'; at: number; what: 'set-up' | 'prepare'; reason: string; fatal: boolean }
  | { type: 'step-done'; at: number; leaseId: LeaseId; steps: number; stepMs: number }
  /** Training ended (all steps, or stopped) with at least one step done, signed. */
  | {
      type: 'trained'
      at: number
      leaseId: LeaseId
      contribution: Contribution
      signature: Uint8Array
    }
  /** Training ended without a usable step. */
  | { type: 'training-failed'; at: number; leaseId: LeaseId; reason: string }
  | { type: 'uploaded'; at: number; leaseId: LeaseId }
  /** `refusal` where the coordinator said no; else the transfer broke and may be tried again. */
  | { type: 'upload-failed'; at: number; leaseId: LeaseId; reason: string; refusal?: Refusal }
  /** The machine is needed for something else: stop at once, hand in the finished prefix. */
  | { type: 'pause'; at: number; reason: string }
  | { type: 'resume'; at: number }
  /** The user wants to go when the lease in progress is worked off. */
  | { type: 'finish'; at: number; reason: string }
  /** The user wants to go: hand in the finished prefix first. */
  | { type: 'leave'; at: number; reason: string }
  /** The machine slept: whatever it was connected to is gone. */
  | { type: 'woke'; at: number }
  | { type: 'tick'; at: number }

export type CoordinatorEventOf<T extends CoordinatorEvent['type']> = Extract<
  CoordinatorEvent,
  { type: T }
>
export type ParticipantEventOf<T extends ParticipantEvent['type']> = Extract<
  ParticipantEvent,
  { type: T }
>
