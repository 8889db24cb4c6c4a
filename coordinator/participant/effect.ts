/** What a participant's decision asks of the world, performed in order. */
import type {
  AuditOffer,
  BlobReference,
  Digest,
  Lease,
  LeaseId,
  LogEffect,
  Request,
  RoundStart,
  RunConfig,
  ScoreOffer,
} from '../../protocol/index.ts'

export type ParticipantEffect =
  | { type: 'connect' }
  | { type: 'request'; requestId: number; request: Request }
  /** Fetch the base model's weights by digest, of mirrors too, and build the trainer. */
  | { type: 'set-up'; config: RunConfig; runId: Digest; mirrors: readonly string[] }
  /** Bring the adapter to the round's base: by the update if it fits, else by the checkpoint. */
  | { type: 'prepare'; start: RoundStart }
  | { type: 'train'; lease: Lease; start: RoundStart }
  /**
   * End the training. `after-step` lets the step in progress finish, so at least one is done;
   * `now` breaks it off. What is done comes back as `trained`, no step at all as `training-empty`.
   */
  | { type: 'stop-training'; leaseId: LeaseId; when: 'after-step' | 'now' }
  /** Repeat somebody's steps. It ends in `audited` or `audit-failed`. */
  | { type: 'audit'; offer: AuditOffer }
  /** Score an adapter on rows of the run. It ends in `scored` or `scoring-failed`. */
  | { type: 'score'; offer: ScoreOffer }
  /** The lease or side work is lost: end and forget it; no event follows. */
  | { type: 'abandon-training'; leaseId: LeaseId }
  /** Offer the payload, wait for `go`, and send it. It ends in `uploaded` or `upload-failed`. */
  | { type: 'upload'; leaseId: LeaseId; payload: BlobReference }
  | { type: 'disconnect' }
  /** The participant is done; `outcome` decides the exit code. */
  | {
      type: 'exit'
      outcome: 'finished' | 'left' | 'refused' | 'version' | 'failed'
      reason: string
    }
  | LogEffect
