/**
 * What can happen to a participant. As with the coordinator's events, each carries its time (`at`,
 * milliseconds on the process's own clock) and the outcome of whatever the world did.
 */
import type {
  AuditAnswer,
  Contribution,
  Digest,
  LeaseId,
  Notice,
  Refusal,
  Reply,
  RequestOf,
  ScoredRow,
} from '../../protocol/index.ts'

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
  /** Training was ended before its first step was done: nobody's fault. */
  | { type: 'training-empty'; at: number; leaseId: LeaseId }
  /** Training went wrong, whether or not it was being ended. */
  | {
      type: 'training-failed'
      at: number
      leaseId: LeaseId
      cause: RequestOf<'fail'>['cause']
      reason: string
    }
  /** All steps of an audit are repeated, and what came of it is signed. */
  | { type: 'audited'; at: number; answer: AuditAnswer; signature: Uint8Array }
  | { type: 'audit-failed'; at: number; leaseId: LeaseId; reason: string }
  /** All rows that were to be scored are. */
  | { type: 'scored'; at: number; leaseId: LeaseId; outcomes: ScoredRow[] }
  | { type: 'scoring-failed'; at: number; leaseId: LeaseId; reason: string }
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

export type ParticipantEventOf<T extends ParticipantEvent['type']> = Extract<
  ParticipantEvent,
  { type: T }
>
