/**
 * What can happen to a coordinator. An event carries everything a decision needs: the time (`at`,
 * milliseconds on the process's own clock), and the outcome of whatever the world did.
 */
import type {
  BlobReference,
  Digest,
  InviteTerms,
  LeaseId,
  PeerId,
  Request,
  RequestOf,
  ScoredRow,
  Scores,
} from '../protocol/index.ts'
import type { AuditResult } from './audit.ts'

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
  /** Contributions that point against all the others together: their work is repeated. */
  contrary: LeaseId[]
  /**
   * Held-out losses of the round's base and of this adapter, on the same text; where the run has a
   * gate.
   */
  losses?: { before: number; after: number }
}

/** A join as it is decided on: the token is a secret of today, and no part of the run's history. */
export type KnownJoin = Omit<RequestOf<'join'>, 'token'>
export type KnownRequest = Exclude<Request, { type: 'join' }> | KnownJoin

export type CoordinatorEvent =
  /** The process started, for the first time or again: nobody is connected. */
  | {
      type: 'started'
      at: number
      /** SHA-256 of the key of the coin; see draws.ts. */
      coinKey: Digest
    }
  /**
   * A peer asks. `genuine` is what the world found: a join brings the token of the invitation, a
   * commit is signed by its peer; it is true of all others.
   */
  | {
      type: 'request'
      at: number
      peer: PeerId
      requestId: number
      request: KnownRequest
      genuine: boolean
      /** A commit has here what the coin says of its lease. */
      draw?: Digest
      /**
       * A join has here what it shares with those of the same place, and of the same block of
       * addresses: keyed digests, so that the journal holds no address.
       */
      origin?: string
      block?: string
      /** The invite that a join brings, and whether its time was over. */
      invite?: { name: string; isExpired: boolean }
    }
  | { type: 'disconnected'; at: number; peer: PeerId }
  /** A committed payload arrived whole, matches its digest, has the right form and is stored. */
  | { type: 'payload-stored'; at: number; leaseId: LeaseId }
  /** A committed payload arrived and is not what it must be: its sender is at fault. */
  | { type: 'payload-refused'; at: number; leaseId: LeaseId; reason: string }
  /** `attempt` is that of the job. */
  | { type: 'aggregated'; at: number; round: number; attempt: number; aggregate: Aggregate }
  /**
   * `loss` is on the held-out text; `generalLoss` on text that has nothing to do with the run's
   * data, absent where none is watched.
   */
  | {
      type: 'evaluated'
      at: number
      round: number
      /** What was measured: after going back a round may have another adapter than it had. */
      adapter?: Digest
      loss: number
      generalLoss?: number
      /** Where answers are rated: the share with a margin above 0, and the mean margin. */
      accuracy?: number
      margin?: number
    }
  /** The coordinator did rows of the run's questions and prompts, for this adapter. */
  | {
      type: 'piece-scored'
      at: number
      round: number
      adapter: Digest
      first: number
      /** Null: it came to nothing. */
      outcomes: ScoredRow[] | null
      /** Why it came to nothing; null: it did not. */
      reason: string | null
    }
  /** What all rows come to. */
  | {
      type: 'scored'
      at: number
      round: number
      adapter: Digest
      /** Null: it came to nothing. */
      scores: Scores | null
      /** Why it came to nothing; null: it did not. */
      reason: string | null
    }
  /** The organiser bans an identity, and takes back what it did; or lets it in again. */
  | { type: 'kicked'; at: number; peer: PeerId; reason: string }
  | { type: 'unbanned'; at: number; peer: PeerId }
  /** The organiser makes an invite, or lets nobody come by it any more. */
  | { type: 'invited'; at: number; terms: InviteTerms }
  | { type: 'invite-revoked'; at: number; name: string }
  /** The organiser adds a peer to those who may take part. */
  | { type: 'allowed'; at: number; peer: PeerId }
  /** The organiser goes back: the run goes on from the adapter after so many rounds. */
  | { type: 'rewound'; at: number; round: number }
  /** The coordinator repeated steps by itself; null: it could not. */
  | { type: 'audited'; at: number; auditId: LeaseId; result: AuditResult | null }
  /** The run is over: the key of the coin, for whoever wants to check its draws. */
  | {
      type: 'coin-published'
      at: number
      key: Uint8Array
      /** SHA-256 of the key that draws if the run goes on. */
      next: Digest
    }
  /** Time passed; sent when `nextDeadline` is reached. */
  | { type: 'tick'; at: number }

export type CoordinatorEventOf<T extends CoordinatorEvent['type']> = Extract<
  CoordinatorEvent,
  { type: T }
>
