/**
 * The state as bytes and back: canonical, so that equal states have equal bytes, and checked when
 * read. What is derived is left out and made again.
 */
import { decode, encode } from '../protocol/codec.ts'
import { digestOf } from '../protocol/digest.ts'
import * as limits from '../protocol/limits.ts'
import { evaluationSchema, roundStartSchema } from '../protocol/messages.ts'
import { blobReference, decodeRunConfig } from '../protocol/run-config.ts'
import {
  bytes,
  digest,
  flag,
  type Infer,
  integer,
  list,
  nullable,
  oneOf,
  parse,
  real,
  struct,
  text,
} from '../protocol/schema.ts'
import { addPace } from './roster.ts'
import { type CoordinatorState, deriveFrom, queueDeadlines } from './state.ts'

/** Raised when the state's shape changes: a journal can always be replayed instead. */
const SNAPSHOT_VERSION = 1
const SNAPSHOT_BYTES_MAX = 2 ** 28

const safeInteger = integer(0, Number.MAX_SAFE_INTEGER)
const batchIndex = integer(0, limits.BATCHES_MAX)
const steps = integer(1, limits.STEPS_MAX)
const peer = text(limits.PEER_ID_LENGTH_MAX)
const time = real(-1e15, 1e15)
const duration = nullable(real(0, 1e15))
const ranges = list(struct({ start: batchIndex, end: batchIndex }), 0, limits.BATCHES_MAX)

const lease = struct({
  leaseId: safeInteger,
  peer,
  firstBatch: batchIndex,
  steps,
  stage: oneOf('leased', 'committed', 'uploaded'),
  stopAt: time,
  deadlineAt: nullable(time),
  commitment: nullable(
    struct({ at: time, trace: digest, tokens: safeInteger, payload: blobReference }),
  ),
})

const member = struct({
  peer,
  name: text(limits.NAME_LENGTH_MAX),
  awayUntil: nullable(time),
  stepMs: duration,
  transferMs: duration,
  leaseId: nullable(safeInteger),
  committed: list(safeInteger, 0, limits.BATCHES_MAX),
})

const record = struct({
  peer,
  countedTokens: safeInteger,
  contributions: safeInteger,
  strikes: safeInteger,
})

const round = struct({
  start: roundStartSchema,
  budget: batchIndex,
  boxEndsAt: nullable(time),
  closesAt: nullable(time),
  extended: flag,
  expected: batchIndex,
  outstanding: batchIndex,
  uploaded: batchIndex,
  outerScale: real(0, 1),
})

const pendingEvaluation = struct({
  round: integer(0, limits.ROUNDS_MAX),
  adapter: digest,
  checkpoint: nullable(blobReference),
})

const snapshotSchema = struct({
  version: oneOf(SNAPSHOT_VERSION),
  runConfig: bytes(1, limits.RUN_CONFIG_BYTES_MAX),
  tokenDigest: nullable(digest),
  at: nullable(time),
  phase: oneOf('waiting', 'training', 'aggregating', 'finished'),
  round,
  ledger: struct({ next: batchIndex, owed: ranges, counted: ranges }),
  nextLeaseId: safeInteger,
  leases: list(lease, 0, limits.BATCHES_MAX),
  members: list(member, 0, limits.MEMBERS_MAX),
  records: list(record, 0, Number.MAX_SAFE_INTEGER),
  parent: nullable(blobReference),
  outerState: nullable(blobReference),
  batchesCounted: batchIndex,
  tokensCounted: safeInteger,
  evaluations: list(evaluationSchema, 0, limits.ROUNDS_MAX + 1),
  evaluationsPending: list(pendingEvaluation, 0, limits.ROUNDS_MAX + 1),
})
type Snapshot = Infer<typeof snapshotSchema>

export function snapshot(state: CoordinatorState): Uint8Array {
  const { config: _, runId: __, derived, leases, members, records, ...plain } = state
  const whole: Snapshot = {
    version: SNAPSHOT_VERSION,
    runConfig: derived.runConfig,
    ...plain,
    leases: [...leases.values()],
    members: [...members.values()],
    records: Array.from(records, ([peer, record]) => ({ peer, ...record })),
  }
  return encode(whole)
}

/** @throws ProtocolError when the bytes are no snapshot of this version. */
export function restore(snapshotBytes: Uint8Array): CoordinatorState {
  const whole = parse(snapshotSchema, decode(snapshotBytes, SNAPSHOT_BYTES_MAX), 'snapshot')
  const { version: _, runConfig, leases, members, records, ...plain } = whole
  const config = decodeRunConfig(runConfig)
  const state: CoordinatorState = {
    ...plain,
    config,
    runId: digestOf(runConfig),
    leases: new Map(leases.map((lease) => [lease.leaseId, lease])),
    members: new Map(members.map((member) => [member.peer, member])),
    records: new Map(records.map(({ peer, ...record }) => [peer, record])),
    derived: deriveFrom(config, runConfig),
  }
  for (const member of members) addPace(state.derived.pace, member, 1)
  queueDeadlines(state)
  return state
}
