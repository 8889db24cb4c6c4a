/**
 * What a coordinator knows: plain data, changed in place by `step` alone. Maps keep their order of
 * insertion, which the events decide, so the same events always make the same state. `derived`
 * follows from the rest.
 */
import { type Digest, digestOf, utf8ToBytes } from '../protocol/digest.ts'
import { assert } from '../protocol/errors.ts'
import type { LeaseId, PeerId, RoundStart, RunStatus } from '../protocol/messages.ts'
import {
  type BlobReference,
  encodeRunConfig,
  type RunConfig,
  type RunId,
} from '../protocol/run-config.ts'
import { emptyLedger, type Ledger } from './assignment.ts'
import { type DeadlineQueue, pushDeadline } from './deadlines.ts'
import type { Pace } from './lease-size.ts'
import { payloadBytesMax } from './payload-bytes.ts'
import { learningRateAt } from './schedule.ts'

export type Phase = RunStatus['phase']
export type Evaluation = RunStatus['evaluations'][number]

export interface CoordinatorState {
  readonly config: RunConfig
  readonly runId: RunId
  /** Digest of the invitation's token; null: everybody may join. */
  readonly tokenDigest: Digest | null
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
  /** What is remembered of a peer for the whole run; only peers that have something to remember. */
  records: Map<PeerId, PeerRecord>
  /** Manifest of the round before; null in round 0. */
  parent: BlobReference | null
  outerState: BlobReference | null
  batchesCounted: number
  tokensCounted: number
  evaluations: Evaluation[]
  /** Evaluations asked for and not answered, oldest first. */
  evaluationsPending: PendingEvaluation[]
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
  /** The most batches that were out or in at any one time: what a full quorum would be. */
  expected: number
  /** Batches in leases that are `leased` or `committed`. */
  outstanding: number
  /** Batches in leases that are `uploaded`. */
  uploaded: number
  /** Share of the outer step to take; decided when the round closes. */
  outerScale: number
}

/** Invariant: `leased` has a deadline and no commitment, the other stages the reverse. */
export interface HeldLease {
  readonly leaseId: LeaseId
  readonly peer: PeerId
  readonly firstBatch: number
  /** Batches leased; once committed, batches done. */
  steps: number
  stage: 'leased' | 'committed' | 'uploaded'
  /** When its holder stops training and hands in what is done. */
  stopAt: number
  /** When it is given to someone else. */
  deadlineAt: number | null
  commitment: Commitment | null
}

export interface Commitment {
  at: number
  /** The last link of the trace: tells a repeated commit from a second one. */
  trace: Digest
  tokens: number
  payload: BlobReference
}

export interface Member {
  readonly peer: PeerId
  name: string
  /** When an absent member is given up; null while it is here. */
  awayUntil: number | null
  /** Wall time of one local step, as last reported. */
  stepMs: number | null
  /** Time from commit to stored payload, as last seen. */
  transferMs: number | null
  /** The lease it trains on. */
  leaseId: LeaseId | null
  /** Leases committed and not uploaded. */
  committed: LeaseId[]
}

export interface PeerRecord {
  countedTokens: number
  contributions: number
  /** Times it sent what no honest peer sends. */
  strikes: number
}

export interface PendingEvaluation {
  round: number
  adapter: Digest
  checkpoint: BlobReference | null
}

export interface Derived {
  /** Canonical bytes, sent to each who joins. */
  runConfig: Uint8Array
  /** Upper bound of a payload's size; the exact size is checked on upload. */
  payloadBytesMax: number
  pace: Pace
  leaseDeadlines: DeadlineQueue<LeaseId>
  memberDeadlines: DeadlineQueue<PeerId>
}

export interface CoordinatorOptions {
  /** Digest of the adapter that the seed gives. */
  base: Digest
  /** What the invitation says; null: everybody may join. */
  token: string | null
}

export function initialState(
  config: RunConfig,
  runId: RunId,
  { base, token }: CoordinatorOptions,
): CoordinatorState {
  const runConfig = encodeRunConfig(config)
  assert(digestOf(runConfig) === runId, `the RunId of this config is not ${runId}`)
  const learningRate = learningRateAt(config, 0, 0)
  return {
    config,
    runId,
    tokenDigest: token === null ? null : tokenDigestOf(token),
    at: null,
    phase: 'waiting',
    round: openRound(config, 0, {
      round: 0,
      base,
      checkpoint: null,
      update: null,
      moment: null,
      learningRate,
    }),
    ledger: emptyLedger(),
    nextLeaseId: 0,
    leases: new Map(),
    members: new Map(),
    records: new Map(),
    parent: null,
    outerState: null,
    batchesCounted: 0,
    tokensCounted: 0,
    evaluations: [],
    evaluationsPending: [],
    derived: deriveFrom(config, runConfig),
  }
}

/**
 * A round that nobody has a lease in yet. The last one hands out no more than the run still needs.
 */
export function openRound(config: RunConfig, batchesCounted: number, start: RoundStart): Round {
  return {
    start,
    budget: Math.min(config.round.batchesMax, config.training.batchesMax - batchesCounted),
    boxEndsAt: null,
    closesAt: null,
    extended: false,
    expected: 0,
    outstanding: 0,
    uploaded: 0,
    outerScale: 1,
  }
}

export const tokenDigestOf = (token: string): Digest => digestOf(utf8ToBytes(token))

export function deriveFrom(config: RunConfig, runConfig: Uint8Array): Derived {
  return {
    runConfig,
    payloadBytesMax: payloadBytesMax(config),
    pace: { speed: 0, untimedCount: 0 },
    leaseDeadlines: [],
    memberDeadlines: [],
  }
}

/** Fills the queues anew, after a restore or when all deadlines have moved. */
export function queueDeadlines({ derived, leases, members }: CoordinatorState): void {
  derived.leaseDeadlines = []
  derived.memberDeadlines = []
  for (const { leaseId, deadlineAt } of leases.values()) {
    if (deadlineAt !== null) pushDeadline(derived.leaseDeadlines, { at: deadlineAt, key: leaseId })
  }
  for (const { peer, awayUntil } of members.values()) {
    if (awayUntil !== null) pushDeadline(derived.memberDeadlines, { at: awayUntil, key: peer })
  }
}
