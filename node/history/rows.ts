/**
 * What a dashboard shows, as rows of a few tables. Each row carries the journal's sequence at which
 * it last changed, so whoever has seen everything up to a sequence needs only the rows from there
 * on; a row that comes twice changes nothing. Runs in a browser as in Node.
 */
import type {
  AuditCounts,
  Credit,
  LeaseId,
  PeerId,
  RunStatus,
  ScoreMetric,
  Scores,
} from '../../protocol/index.ts'

export const LEASE_STATES = [
  'leased',
  'committed',
  'stored',
  'counted',
  'lost',
  'rejected',
] as const
export type LeaseState = (typeof LEASE_STATES)[number]

export interface Row {
  seq: number
}

export interface RunRow extends Row {
  runId: string
  name: string
  base: string
  /** Size of the base's weights, which every volunteer fetches once. */
  baseBytes: number
  /** Bytes of it that were sent to volunteers since this process started. */
  baseBytesSent: number
  dataset: string
  phase: RunStatus['phase']
  round: number
  /** Null: no limit. */
  roundsMax: number | null
  batchesCounted: number
  batchesMax: number
  countedTokens: number
  /** Target tokens of one local step. */
  stepTokens: number
  /** Length of a round's time box, in seconds. */
  roundSeconds: number
  learningRate: number
  /** Time of the first and of the latest event, milliseconds since 1970. */
  startedAt: number
  at: number
  hereCount: number
  contributions: number
  uploadedBytes: number
  /** Leases that reached a state, over the whole run. */
  reached: Record<LeaseState, number>
  /** What came of repeating work. */
  audits: AuditCounts
  /** Refusals by kind. */
  refusals: Record<string, number>
  /** Merges that were not published, as they raised the held-out loss too far. */
  mergesRefused: number
  /** The score that tells which adapter is the best; absent: the held-out loss does. */
  metric?: ScoreMetric
}

/** A round by its number; the held-out loss is that of the adapter which it starts from. */
export interface RoundRow extends Row {
  round: number
  startedAt: number | null
  mergedAt: number | null
  /** Mean over the tokens that counted. */
  trainLoss: number | null
  heldOutLoss: number | null
  /**
   * Loss of the same adapter on text that has nothing to do with the run's; null: none is watched.
   */
  generalLoss: number | null
  /**
   * Where answers are rated: the share of those held out with a margin above 0, and the mean
   * margin.
   */
  accuracy: number | null
  margin: number | null
  /** Scores of the same adapter on the run's own questions and prompts; absent: it has none. */
  scores?: Scores
  tokens: number
  batches: number
  contributions: number
  uploadedBytes: number
  /** Size of the update that its merge sends down to each volunteer. */
  updateBytes: number
  /** Digest of the adapter that its merge made. */
  adapter: string | null
}

export interface LeaseRow extends Row {
  leaseId: LeaseId
  round: number
  peer: PeerId
  steps: number
  state: LeaseState
  /** Why it was lost or rejected. */
  reason: string | null
  tokens: number
  loss: number | null
  bytes: number
}

export interface PeerRow extends Row {
  peer: PeerId
  name: string
  state: 'here' | 'away' | 'gone'
  /** Why it is not here. */
  reason: string | null
  /** The time at which its state last changed. */
  since: number
  stepMs: number | null
  /** What counts of its work: what was taken back does not. */
  credit: Credit
  refusals: number
  /** It may take part no more. */
  isBanned: boolean
}

export interface LogRow extends Row {
  id: number
  at: number
  tone: 'info' | 'warn'
  text: string
}

/** What changed, or, where `reset`, all there is. */
export interface Changes {
  reset: boolean
  seq: number
  run: RunRow
  rounds: RoundRow[]
  leases: LeaseRow[]
  peers: PeerRow[]
  log: LogRow[]
}

export interface Tables {
  seq: number
  run: RunRow | null
  rounds: Map<number, RoundRow>
  leases: Map<LeaseId, LeaseRow>
  peers: Map<PeerId, PeerRow>
  log: Map<number, LogRow>
}

/** Older leases and lines live on in the totals of their rounds. */
export const LEASES_KEPT = 20_000
export const LOG_KEPT = 1_000
/** Volunteers that are gone, beyond which those gone longest are left out. */
export const PEERS_KEPT = 12_000

export function emptyTables(): Tables {
  return {
    seq: 0,
    run: null,
    rounds: new Map(),
    leases: new Map(),
    peers: new Map(),
    log: new Map(),
  }
}

/** Folds what came into what is known. */
export function applyChanges(tables: Tables, changes: Changes): void {
  if (changes.reset) Object.assign(tables, emptyTables())
  tables.seq = changes.seq
  tables.run = changes.run
  for (const row of changes.rounds) tables.rounds.set(row.round, row)
  for (const row of changes.leases) tables.leases.set(row.leaseId, row)
  for (const row of changes.peers) tables.peers.set(row.peer, row)
  for (const row of changes.log) tables.log.set(row.id, row)
  dropOldest(tables.leases, LEASES_KEPT)
  dropOldest(tables.log, LOG_KEPT)
  dropOldest(tables.peers, PEERS_KEPT)
}

/** Maps keep their order of insertion: the first are the oldest. */
export function dropOldest<K>(rows: Map<K, unknown>, countMax: number): void {
  for (const key of rows.keys()) {
    if (rows.size <= countMax) return
    rows.delete(key)
  }
}
