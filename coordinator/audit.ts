/**
 * An audit: a committed contribution, done again by somebody else from the same base on the same
 * batches. Work is a pure function of those, so what comes of it is equal or one of the two erred.
 */
import type { Digest, LeaseId, PeerId, RoundStart } from '../protocol/index.ts'

/** One contribution that is to be done again, in part or in full. */
export interface Audit {
  /** Its number: of the same sequence as the leases. */
  readonly auditId: LeaseId
  /** The lease that was worked off, by whom, and of which block that one is. */
  readonly leaseId: LeaseId
  readonly peer: PeerId
  block: string | null
  readonly start: RoundStart
  readonly firstBatch: number
  /** Everything that was committed. */
  readonly trace: Digest[]
  readonly payload: Digest
  readonly tokens: number
  readonly kind: 'look' | 'full'
  /** Steps to repeat. */
  readonly steps: number
  /** Its coin, that it points against the others, or that its merge was not published. */
  readonly cause: 'coin' | 'contrary' | 'gate'
  readonly draw: Digest
  /** How often somebody was drawn for it. */
  attempts: number
  /**
   * `open`: nobody could be found yet. `assigned`: it waits for its auditor to ask for work. `out`:
   * its auditor works on it. `own`: the coordinator does. The other two follow an answer, which the
   * coordinator looks into: `disputed` as it differs, `canary` to see whether auditors audit.
   */
  stage: 'open' | 'assigned' | 'out' | 'own' | 'disputed' | 'canary'
  auditor: PeerId | null
  /** When somebody is drawn again; null while the coordinator works on it. */
  deadlineAt: number | null
  answer: AuditResult | null
}

/** What came of repeating steps. */
export interface AuditResult {
  trace: Digest[]
  /** Null where not all steps were repeated. */
  payload: Digest | null
  /** The weight that the work has. */
  tokens: number | null
}

/** What the coordinator repeats by itself. */
export interface OwnAudits {
  /** The first one is being worked on since `begunAt`. */
  queue: LeaseId[]
  begunAt: number | null
  spentMs: number
  /** When the run first started; moved by the time that the coordinator was away. */
  sinceAt: number | null
}
