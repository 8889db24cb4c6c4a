/**
 * What a coordinator knows: plain data, changed in place by `step` alone. Maps keep their order of
 * insertion, which the events decide, so the same events always make the same state. `derived`
 * follows from the rest.
 */
import {
  type AuditCounts,
  assert,
  type BlobReference,
  type Credit,
  type Digest,
  digestOf,
  encodeRunConfig,
  type InviteTerms,
  type LeaseId,
  type MergeRule,
  type PeerId,
  type RoundScores,
  type RoundStart,
  type RunConfig,
  type RunId,
  type RunStatus,
} from '../protocol/index.ts'
import { emptyLedger, type Ledger } from './assignment.ts'
import type { Audit, OwnAudits } from './audit.ts'
import type { DeadlineQueue } from './deadlines.ts'
import type { Pace } from './lease-size.ts'
import type { Phase } from './phases.ts'
import { learningRateAt } from './schedule.ts'
import type { PendingScores } from './score-state.ts'
import { type Tally, tallyOf } from './tally.ts'

export type Evaluation = RunStatus['evaluations'][number]

export interface CoordinatorState {
  readonly config: RunConfig
  readonly runId: RunId
  /** Size of every payload. */
  readonly payloadBytes: number
  /** Time of the last accepted event; null before the first start. */
  at: number | null
  phase: Phase
  round: Round
  ledger: Ledger
  /** Identifiers only grow: one below this that is not in `leases` has expired. */
  nextLeaseId: LeaseId
  /** Leases of this round that are not lost. Between rounds there are none. */
  leases: Map<LeaseId, HeldLease>
  /** Who has joined and is not given up. */
  members: Map<PeerId, Member>
  /** Invites that were made, by their names. */
  invites: Map<string, Invite>
  /** Nobody else may take part; null: everybody may. */
  allowed: Set<PeerId> | null
  /** What is remembered of a peer for the whole run; only peers that have something to remember. */
  records: Map<PeerId, PeerRecord>
  /** What training came to nothing on, since the process started: by the lease's first batch. */
  failures: Map<number, Failure>
  /** What peers and the places they come from did without work that arrived; see patience.ts. */
  patience: { peers: Buckets; origins: Buckets }
  /** Manifest of the round before; null in round 0. */
  parent: BlobReference | null
  outerState: BlobReference | null
  /** The rounds that are merged, by number. */
  history: MergedRound[]
  /** Contributions to merged rounds that the next merge subtracts. */
  takenBack: TakenBack[]
  /** Merges asked for so far. */
  mergesAsked: number
  /** Merges that were not published, since one was or the process started, and of the run. */
  refusedMerges: { inARow: number; total: number }
  batchesCounted: number
  tokensCounted: number
  /** SHA-256 of the key of the coin, see draws.ts; null until a process has started. */
  coinKey: Digest | null
  /** Keys of the coin that are in the journal. */
  coinsPublished: number
  /** The key of all that was drawn until the run was last over is among them. */
  isCoinPublished: boolean
  /** What is being done again, by the number of the audit. */
  audits: Map<LeaseId, Audit>
  auditCounts: AuditCounts
  own: OwnAudits
  evaluations: Evaluation[]
  /** Evaluations asked for and not answered, oldest first. */
  evaluationsPending: PendingEvaluation[]
  /** They are in order of rounds; see scores.ts. */
  scores: RoundScores[]
  /** Adapters whose scores are asked for and not there, oldest first. */
  scoresPending: PendingScores[]
  /** Adapters that were to have scores, and have none. */
  scoresMissing: number
  derived: Derived
}

export interface Round {
  start: RoundStart
  /** The most batches that may be out or in at any one time. */
  budget: number
  /** End of the time box; null until the first lease. */
  boxEndsAt: number | null
  /** When the round closes, whatever is missing; null until the box is over. */
  closesAt: number | null
  /** The box was prolonged once because the quorum was missed. */
  extended: boolean
  /** A merge of it was not published. */
  wasRefused: boolean
  /**
   * What a full quorum would be: the most batches that were in, or out with those who have
   * delivered before, at any one time.
   */
  expected: number
  /** Batches in leases that are `leased` or `committed` and count as expected. */
  awaited: number
  /** Batches in leases that are `leased` or `committed`. */
  outstanding: number
  /** Batches in leases that are `uploaded`. */
  uploaded: number
  /** Proven ones did most of the round before, so that the others have a share; newcomers.ts. */
  readonly isShared: boolean
  /** Share of the outer step to take; decided when the round closes. */
  outerScale: number
  /** What its merge subtracts of earlier rounds, and how it merges: decided when it closes. */
  corrections: TakenBack[]
  merge: MergeRule
}

/** What a merge was made of, kept so that it can be taken back. */
export interface MergedRound {
  start: RoundStart
  outerScale: number
  /** What had come of the run's audits by then. */
  audits: AuditCounts
  /** What came of it. */
  manifest: BlobReference
  outerState: BlobReference
  /** Those that count, in canonical order; what was taken back is no longer among them. */
  contributions: MergedContribution[]
  /** What it subtracted of earlier rounds. */
  corrections: TakenBack[]
}

export interface MergedContribution {
  leaseId: LeaseId
  peer: PeerId
  firstBatch: number
  steps: number
  tokens: number
}

/** Contributions to one merged round that count no more. */
export interface TakenBack {
  round: number
  contributions: MergedContribution[]
}

/** Invariant: `leased` has a deadline and no commitment, the other stages the reverse. */
export interface HeldLease {
  readonly leaseId: LeaseId
  readonly peer: PeerId
  readonly firstBatch: number
  /** Batches leased; once committed, batches done. */
  steps: number
  /** `stored`: its payload is here, and it waits for its audit. */
  stage: 'leased' | 'committed' | 'stored' | 'uploaded'
  /** It counts only once it was repeated and found right. */
  isOnTrial: boolean
  /** Its holder was not proven when it got it. */
  readonly isNewcomers: boolean
  /** It was repeated in full and found right. */
  isVerified: boolean
  /** It counted before it was put on trial. */
  wasCounted: boolean
  /** Its holder has delivered before, so that a quorum counts on it. */
  readonly isExpected: boolean
  leasedAt: number
  /** When its holder stops training and hands in what is done. */
  stopAt: number
  /** When it is given to someone else. */
  deadlineAt: number | null
  commitment: Commitment | null
}

export interface Commitment {
  at: number
  trace: Digest[]
  tokens: number
  payload: BlobReference
  /** Wall time of one of its steps, as far as the clock bears out what was said of it. */
  paceMs: number
  /** What the coin said of it. */
  draw: Digest
}

export interface Member {
  readonly peer: PeerId
  name: string
  /** The session of the process that joined last. */
  session: number
  /** What it shares with others of one place, and of one block of addresses; null: unknown. */
  origin: string | null
  block: string | null
  /** The invite by which it came; null: without one. */
  invite: string | null
  /** When an absent member is given up; null while it is here. */
  awayUntil: number | null
  /** Wall time of one local step, as last reported. */
  stepMs: number | null
  /** The same as its last delivery bears out; null until it was found right. */
  paceMs: number | null
  /** Time from commit to stored payload, as last seen. */
  transferMs: number | null
  /** The lease it trains on. */
  leaseId: LeaseId | null
  /** Leases committed and not uploaded. */
  committed: LeaseId[]
  /** Audits that wait for it to ask for work. */
  audits: LeaseId[]
  /** The audit it works on. */
  auditing: LeaseId | null
  /** The rows that it scores an adapter on. */
  scoring: LeaseId | null
  /** Whether it is to be given rows to score: not two pieces without a lease between them. */
  scoreTurn: 'ready' | 'after-lease' | 'never'
}

export interface Invite extends Omit<InviteTerms, 'name'> {
  isRevoked: boolean
}

export interface PeerRecord {
  /** The invite by which it came last; null: it came without one. */
  invite: string | null
  /** What counts of its work. */
  credit: Credit
  /** What it held last was delivered; a lease that expires takes that away. */
  hasDelivered: boolean
  /** Times it sent what no honest peer sends. */
  strikes: number
  /** Why it may not take part; null: it may. */
  banned: string | null
  /** Its work of late that was repeated in full and found right, one after the other. */
  verifiedInARow: number
  /**
   * Its leases that were repeated in full and found right, the latest of them, ascending; and the
   * last before those, -1: none.
   */
  verified: LeaseId[]
  verifiedBefore: LeaseId
  /** Leases committed and audits answered. */
  works: number
  /** Its work that pointed against the others' and was found right, one after the other. */
  contraryInARow: number
  /** The count of its works when it was found to have computed something else; null: never. */
  erredAt: number | null
  /** Steps of others that it repeated. */
  auditedSteps: number
  /** Who audited it last. */
  partner: PeerId | null
}

/** Fills with each time, and leaks; see patience.ts. */
export interface Bucket {
  /** How full it was at that time. */
  level: number
  at: number
}

export type Buckets = Map<string, Bucket>
export type Groups = Map<string, Set<PeerId>>

/** Training from one batch that failed alike, so often and on these. */
export interface Failure {
  reason: string
  times: number
  peers: PeerId[]
}

export interface PendingEvaluation {
  round: number
  adapter: Digest
  checkpoint: BlobReference | null
}

export interface Derived {
  /** Canonical bytes, sent to each who joins. */
  runConfig: Uint8Array
  pace: Pace
  tally: Tally
  leaseDeadlines: DeadlineQueue<LeaseId>
  memberDeadlines: DeadlineQueue<PeerId>
  auditDeadlines: DeadlineQueue<LeaseId>
  /** Members who are here, sorted. */
  here: PeerId[]
  /** Members by the place that they come from, and by its block, where they are known. */
  places: Groups
  blocks: Groups
  /** Members by the invite by which they came. */
  invites: Groups
}

export interface CoordinatorOptions {
  /** Digest of the adapter that the run starts from. */
  base: Digest
  /** Size of every payload, which the run's codec and adapter decide. */
  payloadBytes: number
}

export function initialState(
  config: RunConfig,
  runId: RunId,
  { base, payloadBytes }: CoordinatorOptions,
): CoordinatorState {
  const runConfig = encodeRunConfig(config)
  assert(digestOf(runConfig) === runId, `the RunId of this config is not ${runId}`)
  const learningRate = learningRateAt(config, 0, 0)
  const checkpoint = config.adapter.start?.checkpoint ?? null
  return {
    config,
    runId,
    payloadBytes,
    at: null,
    phase: 'waiting',
    round: openRound(config, 0, {
      start: { round: 0, base, checkpoint, update: null, moment: null, learningRate },
      isShared: false,
    }),
    ledger: emptyLedger(),
    nextLeaseId: 0,
    leases: new Map(),
    members: new Map(),
    invites: new Map(),
    allowed: config.admission.allowed === null ? null : new Set(config.admission.allowed),
    records: new Map(),
    failures: new Map(),
    patience: { peers: new Map(), origins: new Map() },
    parent: null,
    outerState: null,
    history: [],
    takenBack: [],
    mergesAsked: 0,
    refusedMerges: { inARow: 0, total: 0 },
    batchesCounted: 0,
    tokensCounted: 0,
    coinKey: null,
    coinsPublished: 0,
    isCoinPublished: false,
    audits: new Map(),
    auditCounts: { looks: 0, fulls: 0, mismatches: 0, lapsed: 0 },
    own: { queue: [], begunAt: null, spentMs: 0, sinceAt: null },
    evaluations: [],
    evaluationsPending: [],
    scores: [],
    scoresPending: [],
    scoresMissing: 0,
    derived: deriveFrom(runConfig),
  }
}

/**
 * A round that nobody has a lease in yet. The last one hands out no more than the run still needs.
 */
export function openRound(
  config: RunConfig,
  batchesCounted: number,
  { start, isShared }: Pick<Round, 'start' | 'isShared'>,
): Round {
  return {
    start,
    isShared,
    budget: Math.min(config.round.batchesMax, config.training.batchesMax - batchesCounted),
    boxEndsAt: null,
    closesAt: null,
    extended: false,
    wasRefused: false,
    expected: 0,
    awaited: 0,
    outstanding: 0,
    uploaded: 0,
    outerScale: 1,
    corrections: [],
    merge: config.aggregation.merge,
  }
}

export function deriveFrom(runConfig: Uint8Array): Derived {
  return {
    runConfig,
    pace: { speed: 0, untimedCount: 0 },
    tally: tallyOf([]),
    leaseDeadlines: [],
    memberDeadlines: [],
    auditDeadlines: [],
    here: [],
    places: new Map(),
    blocks: new Map(),
    invites: new Map(),
  }
}
