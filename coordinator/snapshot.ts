/**
 * The state as bytes and back: canonical, so that equal states have equal bytes, and checked when
 * read. What is derived is left out and made again. The simulator shortens its journals by it and
 * compares states; a coordinator's process replays its whole journal.
 */
import {
  auditCounts,
  BATCHES_MAX,
  blobReference,
  bytes,
  creditSchema,
  decode,
  decodeRunConfig,
  digest,
  digestOf,
  encode,
  evaluationSchema,
  flag,
  INVITES_MAX,
  type Infer,
  integer,
  inviteTermsSchema,
  list,
  MEMBERS_MAX,
  mergeRule,
  NAME_LENGTH_MAX,
  nullable,
  oneOf,
  PEER_ID_LENGTH_MAX,
  parse,
  REASON_LENGTH_MAX,
  ROUNDS_MAX,
  RUN_CONFIG_BYTES_MAX,
  real,
  roundScoresSchema,
  roundStartSchema,
  SCORED_ROWS_MAX,
  STEPS_MAX,
  scoredRow,
  struct,
  text,
} from '../protocol/index.ts'
import { AUDITS_MAX } from './audits.ts'
import { queueDeadlines } from './queue-deadlines.ts'
import { VERIFIED_MAX } from './record.ts'
import { addPace, hereOf, settle } from './roster.ts'
import { ALIKE } from './score-pieces.ts'
import { SCORES_PENDING_MAX } from './scores.ts'
import { type Buckets, type CoordinatorState, deriveFrom } from './state.ts'
import { tallyOf } from './tally.ts'

/** Raised when the state's shape changes. */
const SNAPSHOT_VERSION = 12
const SNAPSHOT_BYTES_MAX = 2 ** 28

const safeInteger = integer(0, Number.MAX_SAFE_INTEGER)
const batchIndex = integer(0, BATCHES_MAX)
const steps = integer(1, STEPS_MAX)
const peer = text(PEER_ID_LENGTH_MAX)
const time = real(-1e15, 1e15)
const duration = nullable(real(0, 1e15))
const ranges = list(struct({ start: batchIndex, end: batchIndex }), 0, BATCHES_MAX)

const links = list(digest, 1, STEPS_MAX)

const lease = struct({
  leaseId: safeInteger,
  peer,
  firstBatch: batchIndex,
  steps,
  isNewcomers: flag,
  isExpected: flag,
  stage: oneOf('leased', 'committed', 'stored', 'uploaded'),
  isOnTrial: flag,
  isVerified: flag,
  wasCounted: flag,
  leasedAt: time,
  stopAt: time,
  deadlineAt: nullable(time),
  commitment: nullable(
    struct({
      at: time,
      trace: links,
      tokens: safeInteger,
      payload: blobReference,
      paceMs: real(0, 1e15),
      draw: digest,
    }),
  ),
})

const member = struct({
  peer,
  name: text(NAME_LENGTH_MAX),
  session: safeInteger,
  origin: nullable(text(NAME_LENGTH_MAX)),
  block: nullable(text(NAME_LENGTH_MAX)),
  invite: nullable(text(NAME_LENGTH_MAX)),
  awayUntil: nullable(time),
  stepMs: duration,
  paceMs: duration,
  transferMs: duration,
  leaseId: nullable(safeInteger),
  committed: list(safeInteger, 0, BATCHES_MAX),
  audits: list(safeInteger, 0, AUDITS_MAX),
  auditing: nullable(safeInteger),
  scoring: nullable(safeInteger),
  scoreTurn: oneOf('ready', 'after-lease', 'never'),
})

const audit = struct({
  auditId: safeInteger,
  leaseId: safeInteger,
  peer,
  block: nullable(text(NAME_LENGTH_MAX)),
  start: roundStartSchema,
  firstBatch: batchIndex,
  trace: links,
  payload: digest,
  tokens: safeInteger,
  kind: oneOf('look', 'full'),
  steps,
  cause: oneOf('coin', 'contrary', 'gate'),
  draw: digest,
  attempts: safeInteger,
  stage: oneOf('open', 'assigned', 'out', 'own', 'disputed', 'canary'),
  auditor: nullable(peer),
  deadlineAt: nullable(time),
  answer: nullable(
    struct({ trace: links, payload: nullable(digest), tokens: nullable(safeInteger) }),
  ),
})

const own = struct({
  queue: list(safeInteger, 0, AUDITS_MAX),
  begunAt: nullable(time),
  spentMs: real(0, 1e15),
  sinceAt: nullable(time),
})

const record = struct({
  peer,
  invite: nullable(text(NAME_LENGTH_MAX)),
  credit: creditSchema,
  hasDelivered: flag,
  strikes: safeInteger,
  verifiedInARow: safeInteger,
  verified: list(safeInteger, 0, VERIFIED_MAX),
  verifiedBefore: integer(-1, Number.MAX_SAFE_INTEGER),
  works: safeInteger,
  contraryInARow: safeInteger,
  erredAt: nullable(safeInteger),
  auditedSteps: safeInteger,
  partner: nullable(peer),
  banned: nullable(text(REASON_LENGTH_MAX)),
})

const invite = struct({ ...inviteTermsSchema.fields, isRevoked: flag })

const failure = struct({
  firstBatch: batchIndex,
  reason: text(REASON_LENGTH_MAX),
  times: safeInteger,
  peers: list(peer, 0, MEMBERS_MAX),
})

const buckets = list(
  struct({ key: text(PEER_ID_LENGTH_MAX), level: real(0, 1e9), at: time }),
  0,
  Number.MAX_SAFE_INTEGER,
)

const mergedContributions = list(
  struct({ leaseId: safeInteger, peer, firstBatch: batchIndex, steps, tokens: safeInteger }),
  0,
  BATCHES_MAX,
)

const takenBack = struct({
  round: integer(0, ROUNDS_MAX),
  contributions: mergedContributions,
})

const mergedRound = struct({
  start: roundStartSchema,
  outerScale: real(0, 1),
  audits: auditCounts,
  manifest: blobReference,
  outerState: blobReference,
  contributions: mergedContributions,
  corrections: list(takenBack, 0, ROUNDS_MAX),
})

const round = struct({
  start: roundStartSchema,
  isShared: flag,
  budget: batchIndex,
  boxEndsAt: nullable(time),
  closesAt: nullable(time),
  extended: flag,
  wasRefused: flag,
  expected: batchIndex,
  awaited: batchIndex,
  outstanding: batchIndex,
  uploaded: batchIndex,
  outerScale: real(0, 1),
  corrections: list(takenBack, 0, ROUNDS_MAX),
  merge: mergeRule,
})

const pendingEvaluation = struct({
  round: integer(0, ROUNDS_MAX),
  adapter: digest,
  checkpoint: nullable(blobReference),
})

const outcomes = list(scoredRow, 0, 2 * SCORED_ROWS_MAX)

const pendingScores = struct({
  ...pendingEvaluation.fields,
  begunAt: nullable(time),
  own: nullable(safeInteger),
  pieces: list(
    struct({
      first: safeInteger,
      rows: safeInteger,
      out: list(struct({ leaseId: safeInteger, peer }), 0, ALIKE),
      outcomes: nullable(outcomes),
    }),
    0,
    2 * SCORED_ROWS_MAX,
  ),
  answers: list(
    struct({
      first: safeInteger,
      leaseId: safeInteger,
      peer,
      block: nullable(text(NAME_LENGTH_MAX)),
      outcomes,
    }),
    0,
    Number.MAX_SAFE_INTEGER,
  ),
})

const snapshotSchema = struct({
  version: oneOf(SNAPSHOT_VERSION),
  runConfig: bytes(1, RUN_CONFIG_BYTES_MAX),
  payloadBytes: safeInteger,
  at: nullable(time),
  phase: oneOf('waiting', 'training', 'aggregating', 'finished'),
  round,
  ledger: struct({ next: batchIndex, owed: ranges, counted: ranges }),
  nextLeaseId: safeInteger,
  leases: list(lease, 0, BATCHES_MAX),
  members: list(member, 0, MEMBERS_MAX),
  invites: list(invite, 0, INVITES_MAX),
  allowed: nullable(list(peer, 0, Number.MAX_SAFE_INTEGER)),
  records: list(record, 0, Number.MAX_SAFE_INTEGER),
  failures: list(failure, 0, BATCHES_MAX),
  patience: struct({ peers: buckets, origins: buckets }),
  parent: nullable(blobReference),
  outerState: nullable(blobReference),
  history: list(mergedRound, 0, ROUNDS_MAX),
  takenBack: list(takenBack, 0, BATCHES_MAX),
  mergesAsked: safeInteger,
  refusedMerges: struct({ inARow: safeInteger, total: safeInteger }),
  batchesCounted: batchIndex,
  tokensCounted: safeInteger,
  coinKey: nullable(digest),
  coinsPublished: safeInteger,
  isCoinPublished: flag,
  audits: list(audit, 0, AUDITS_MAX + 1),
  auditCounts,
  own,
  evaluations: list(evaluationSchema, 0, ROUNDS_MAX + 1),
  evaluationsPending: list(pendingEvaluation, 0, ROUNDS_MAX + 1),
  scores: list(roundScoresSchema, 0, ROUNDS_MAX + 1),
  scoresPending: list(pendingScores, 0, SCORES_PENDING_MAX),
  scoresMissing: safeInteger,
})
type Snapshot = Infer<typeof snapshotSchema>

export function snapshot(state: CoordinatorState): Uint8Array {
  const { config: _, runId: __, derived, ...rest } = state
  const { leases, members, invites, allowed, records, ...others } = rest
  const { failures, audits, patience, ...plain } = others
  const whole: Snapshot = {
    version: SNAPSHOT_VERSION,
    runConfig: derived.runConfig,
    ...plain,
    leases: [...leases.values()],
    members: [...members.values()],
    invites: Array.from(invites, ([name, invite]) => ({ name, ...invite })),
    allowed: allowed === null ? null : [...allowed],
    records: Array.from(records, ([peer, record]) => ({ peer, ...record })),
    audits: [...audits.values()],
    failures: Array.from(failures, ([firstBatch, failure]) => ({ firstBatch, ...failure })),
    patience: { peers: listOf(patience.peers), origins: listOf(patience.origins) },
  }
  return encode(whole)
}

/** @throws ProtocolError when the bytes are no snapshot of this version. */
export function restore(snapshotBytes: Uint8Array): CoordinatorState {
  const whole = parse(snapshotSchema, decode(snapshotBytes, SNAPSHOT_BYTES_MAX), 'snapshot')
  const { version: _, runConfig, leases, members, ...rest } = whole
  const { invites, allowed, records, failures, audits, patience, ...plain } = rest
  const config = decodeRunConfig(runConfig)
  const state: CoordinatorState = {
    ...plain,
    config,
    runId: digestOf(runConfig),
    leases: new Map(leases.map((lease) => [lease.leaseId, lease])),
    members: new Map(members.map((member) => [member.peer, member])),
    invites: new Map(invites.map(({ name, ...invite }) => [name, invite])),
    allowed: allowed === null ? null : new Set(allowed),
    records: new Map(records.map(({ peer, ...record }) => [peer, record])),
    failures: new Map(failures.map(({ firstBatch, ...failure }) => [firstBatch, failure])),
    patience: { peers: bucketsOf(patience.peers), origins: bucketsOf(patience.origins) },
    audits: new Map(audits.map((audit) => [audit.auditId, audit])),
    derived: deriveFrom(runConfig),
  }
  state.derived.here = hereOf(members)
  for (const member of members) {
    settle(state.derived, member)
    addPace(state.derived.pace, member, 1)
  }
  state.derived.tally = tallyOf(leases)
  queueDeadlines(state)
  return state
}

const listOf = (buckets: Buckets) => Array.from(buckets, ([key, bucket]) => ({ key, ...bucket }))

const bucketsOf = (listed: Infer<typeof buckets>): Buckets =>
  new Map(listed.map(({ key, ...bucket }) => [key, bucket]))
