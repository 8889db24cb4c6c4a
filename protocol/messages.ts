/**
 * What peers say to each other. A volunteer asks (`Request`), the coordinator answers (`Reply`) and
 * announces (`Notice`). Every message is one canonical MessagePack frame; bytes in bulk travel as
 * blobs.
 *
 * Times in messages are durations: peers' clocks are never compared.
 */

import { blobReference, payloadReference } from './blob-reference.ts'
import { decode, encode } from './codec.ts'
import { type Digest, digestOf } from './digest.ts'
import * as limits from './limits.ts'
import { SCORE_METRICS } from './run-config.ts'
import {
  bytes,
  digest,
  type Infer,
  integer,
  list,
  nullable,
  oneOf,
  optional,
  parse,
  real,
  struct,
  text,
  title,
  variants,
} from './schema.ts'
import { roundScoresSchema, rowsToScore, scoredRow } from './scores.ts'

const reason = text(limits.REASON_LENGTH_MAX)
const name = title(limits.NAME_LENGTH_MAX)
const peerId = text(limits.PEER_ID_LENGTH_MAX)
const leaseId = integer(0, Number.MAX_SAFE_INTEGER)
const roundIndex = integer(0, limits.ROUNDS_MAX)
const batchIndex = integer(0, limits.BATCHES_MAX)
const batchCount = integer(0, limits.BATCHES_MAX)
const milliseconds = integer(0, 2 ** 31 - 1)
const stepMs = real(limits.STEP_MS_MIN, limits.STEP_MS_MAX)
const tokenCount = integer(1, Number.MAX_SAFE_INTEGER)
const loss = real(0, limits.LOSS_MAX)
const margin = real(-1e9, 1e9)

const VERSION_MAX = 65_535
const SESSION_MAX = 2 ** 32 - 1

/** The libp2p peer id, as text. */
export type PeerId = string
export type LeaseId = number

/**
 * What a volunteer did with a lease, signed with its libp2p key over
 * `signingBytes('contribution', contribution)`. It is committed before the payload is uploaded.
 */
export const contributionSchema = struct({
  runId: digest,
  round: roundIndex,
  leaseId,
  peer: peerId,
  /** The adapter the steps started from. */
  base: digest,
  firstBatch: batchIndex,
  /** Local steps done: any prefix of the lease counts. */
  steps: integer(1, limits.STEPS_MAX),
  /** Target tokens trained on: the contribution's weight. */
  tokens: tokenCount,
  /** Mean loss over those tokens. */
  loss,
  /**
   * One link a step: trace[k] = chain(trace[k-1], digest of the trainer's state after step k),
   * starting from `traceSeed`, so that a single step can be audited and no peer can pass off
   * another's work.
   */
  trace: list(digest, 1, limits.STEPS_MAX),
  /** The encoded delta (or gradient) and second moments. */
  payload: payloadReference,
  /** Wall time of one local step, for sizing the next lease. */
  stepMs,
})
export type Contribution = Infer<typeof contributionSchema>

/**
 * What an auditor got when it repeated somebody's steps, signed over `signingBytes('audit', …)`. It
 * was told the start of the chain, and neither the links nor the payload that were committed.
 */
export const auditAnswerSchema = struct({
  runId: digest,
  /** The number of the audit. */
  leaseId,
  /** The auditor. */
  peer: peerId,
  /** One link for each step that was repeated. */
  trace: list(digest, 1, limits.STEPS_MAX),
  /** Digest of the payload after all steps; null where only the first ones were asked for. */
  payload: nullable(digest),
  /** Target tokens of all steps; null as the payload is. */
  tokens: nullable(tokenCount),
})
export type AuditAnswer = Infer<typeof auditAnswerSchema>

export const requestSchema = variants({
  /** First message on a connection. `version` is read before anything else is judged. */
  join: {
    version: integer(0, VERSION_MAX),
    runId: nullable(digest),
    token: text(limits.TOKEN_LENGTH_MAX),
    /** Random, once a process: tells one that comes back from another with the same key. */
    session: integer(0, SESSION_MAX),
    name,
    software: text(limits.NAME_LENGTH_MAX),
  },
  /** Asks for work on `base` in `round`; stepMs is null until the volunteer has timed a step. */
  lease: { round: roundIndex, base: digest, stepMs: nullable(stepMs) },
  commit: {
    contribution: contributionSchema,
    signature: bytes(limits.SIGNATURE_BYTES, limits.SIGNATURE_BYTES),
  },
  audit: {
    answer: auditAnswerSchema,
    signature: bytes(limits.SIGNATURE_BYTES, limits.SIGNATURE_BYTES),
  },
  /** What came of rows that were to be scored, in their order. */
  score: { leaseId, outcomes: list(scoredRow, 1, limits.SCORE_PIECE_MAX) },
  /** Opens the upload of a committed payload; answered `go` or `refused`. */
  upload: { leaseId, payload: payloadReference },
  /**
   * Training on a lease came to nothing: gives it back, and says why. Of `training` the same is to
   * be expected elsewhere; of `machine` (a full disk, a download that broke) it is not.
   */
  fail: { leaseId, cause: oneOf('training', 'machine'), reason },
  /** The public state of the run; no membership needed. */
  status: {},
  leave: { reason },
})
export type Request = Infer<typeof requestSchema>
export type RequestOf<T extends Request['type']> = Extract<Request, { type: T }>

/** Why the coordinator says no. Each has one meaning; the text beside it is for people. */
export const REFUSALS = [
  'protocol-version',
  'other-run',
  'bad-token',
  'not-allowed',
  'run-full',
  'too-often',
  'banned',
  'elsewhere',
  'not-joined',
  'malformed',
  'bad-signature',
  'other-peer',
  'unknown-lease',
  'lease-expired',
  'duplicate',
  'stale-round',
  'wrong-base',
  'wrong-batches',
  'wrong-tokens',
  'wrong-payload',
  'not-committed',
  'run-finished',
] as const
export type Refusal = (typeof REFUSALS)[number]

const moment = nullable(blobReference)

/** Where a round starts from: what every participant needs to train in it. */
export const roundStartSchema = struct({
  round: roundIndex,
  /** Digest of the canonical adapter's bytes (float32, little-endian, layout order). */
  base: digest,
  /** The adapter in full; null in round 0, where it follows from the seed. */
  checkpoint: nullable(blobReference),
  /** The step from the round before, quantised; null where there is none. */
  update: nullable(blobReference),
  /** Codes of the second moment all participants start from; null: start cold. */
  moment,
  learningRate: real(0, 1),
})
export type RoundStart = Infer<typeof roundStartSchema>

/** Somebody's steps to repeat; audits and leases are numbered together. */
const audit = {
  leaseId,
  /** What the steps started from, in this round or an earlier one. */
  start: roundStartSchema,
  firstBatch: batchIndex,
  /** `look`: the first steps; `full`: all of them, and their payload. */
  kind: oneOf('look', 'full'),
  /** Steps to repeat. */
  steps: integer(1, limits.STEPS_MAX),
  /** SHA-256 of the trace seed of whoever did them: the link before the first. */
  seed: digest,
  /** Somebody else is asked after this long. */
  deadlineMs: milliseconds,
}

const lease = {
  leaseId,
  round: roundIndex,
  base: digest,
  firstBatch: batchIndex,
  steps: integer(1, limits.STEPS_MAX),
  learningRate: real(0, 1),
  /** Stop training after this long and hand in the finished prefix. */
  stopMs: milliseconds,
  /** The lease is given to someone else after this long. */
  deadlineMs: milliseconds,
}

/** What has come of audits so far. */
export const auditCounts = struct({
  /** Looks and full audits that found what was committed. */
  looks: integer(0, Number.MAX_SAFE_INTEGER),
  fulls: integer(0, Number.MAX_SAFE_INTEGER),
  /** Times that somebody was found to have computed something else. */
  mismatches: integer(0, Number.MAX_SAFE_INTEGER),
  /** Audits that nobody took in time. */
  lapsed: integer(0, Number.MAX_SAFE_INTEGER),
})
export type AuditCounts = Infer<typeof auditCounts>

/** What counts of a peer's work; see credit.ts. */
export const creditSchema = struct({
  tokens: integer(0, Number.MAX_SAFE_INTEGER),
  batches: batchCount,
  contributions: batchCount,
})
export type Credit = Infer<typeof creditSchema>

const participantStatus = struct({
  peer: peerId,
  name,
  state: oneOf('here', 'away'),
  stepMs: nullable(stepMs),
  /** The round and steps of its lease, if it has one. */
  leasedSteps: integer(0, limits.STEPS_MAX),
  credit: creditSchema,
  /** Its work of late that was repeated in full and found right, one after the other. */
  verifiedInARow: integer(0, limits.BATCHES_MAX),
})

export const evaluationSchema = struct({
  round: roundIndex,
  /** Loss on the held-out text. */
  loss,
  /** Loss on text that has nothing to do with the run's data; absent where none is watched. */
  generalLoss: optional(loss),
  /** Where answers are rated: the share of them with a margin above 0, and the mean margin. */
  accuracy: optional(real(0, 1)),
  margin: optional(margin),
})

export const STATUS_PARTICIPANTS_MAX = 64
export const EVALUATIONS_MAX = 64

export const statusSchema = struct({
  runId: digest,
  name,
  phase: oneOf('waiting', 'training', 'aggregating', 'finished'),
  round: roundIndex,
  /** Null: no limit. */
  roundsMax: nullable(roundIndex),
  batchesCounted: batchCount,
  batchesMax: batchCount,
  countedTokens: integer(0, Number.MAX_SAFE_INTEGER),
  base: digest,
  learningRate: real(0, 1),
  /** Losses of the base model, of the best adapter and of the latest ones, in order of rounds. */
  evaluations: list(evaluationSchema, 0, EVALUATIONS_MAX),
  /** The scores of the same kinds of adapters; absent where the run has none. */
  scores: optional(list(roundScoresSchema, 0, EVALUATIONS_MAX)),
  /** The score that tells which adapter is the best; absent: the held-out loss does. */
  metric: optional(oneOf(...SCORE_METRICS)),
  audits: auditCounts,
  participantCount: integer(0, limits.MEMBERS_MAX),
  participants: list(participantStatus, 0, STATUS_PARTICIPANTS_MAX),
})
export type RunStatus = Infer<typeof statusSchema>

export const replySchema = variants({
  /**
   * `runConfig` is the canonical bytes; the participant checks that they hash to the RunId it asked
   * for. `mirrors`: web addresses that have the base as well; absent: the coordinator alone has it.
   */
  joined: {
    runConfig: bytes(1, limits.RUN_CONFIG_BYTES_MAX),
    start: roundStartSchema,
    mirrors: optional(list(text(limits.MIRROR_LENGTH_MAX), 1, limits.MIRRORS_MAX)),
  },
  leased: lease,
  /** Work of another kind: what somebody else did, to be done again. */
  audit,
  /** And: rows of the run's questions and prompts, to score an adapter on. */
  score: { leaseId, ...rowsToScore },
  /** No work now; ask again after this long or on the next notice. */
  wait: { reason, retryMs: milliseconds },
  committed: { leaseId },
  audited: { leaseId },
  scored: { leaseId },
  /** The lease is somebody else's now. */
  released: { leaseId },
  go: { leaseId },
  /** `own`: what counts of the work of whoever asks. */
  status: { status: statusSchema, own: creditSchema },
  goodbye: {},
  refused: { refusal: oneOf(...REFUSALS), reason },
})
export type Reply = Infer<typeof replySchema>
export type ReplyOf<T extends Reply['type']> = Extract<Reply, { type: T }>
export type Lease = Omit<ReplyOf<'leased'>, 'type'>
export type AuditOffer = Omit<ReplyOf<'audit'>, 'type'>
export type ScoreOffer = Omit<ReplyOf<'score'>, 'type'>

export const noticeSchema = variants({
  /** A round starts: fetch its base and ask for a lease. */
  round: { start: roundStartSchema },
  /** The round's time is over: hand in what is finished. */
  closing: { round: roundIndex },
  /** The lease is lost; whatever was done on it no longer counts. */
  revoked: { leaseId, reason },
  /** The payload arrived whole and is part of the round. */
  counted: { leaseId, tokens: tokenCount },
  /** There is work for this one: ask for a lease. */
  work: {},
  /** Its lease or audit was done again, and others got something else: a machine that errs. */
  wrong: { leaseId, reason },
  /** The run is over; `reason` says what ended it. */
  finished: { round: roundIndex, adapter: digest, reason },
  /**
   * Where the coordinator is reached now, as multiaddrs that end in its peer id: each volunteer
   * that has joined is told, and again when they change.
   */
  addresses: { addresses: list(text(limits.ADDRESS_LENGTH_MAX), 0, limits.ADDRESSES_MAX) },
  heartbeat: {},
})
export type Notice = Infer<typeof noticeSchema>

/** Replies carry the RunConfig, so they have a limit of their own. */
export const REPLY_BYTES_MAX = limits.RUN_CONFIG_BYTES_MAX + limits.MESSAGE_BYTES_MAX

export const encodeRequest = (request: Request): Uint8Array => encode(request)
export const encodeReply = (reply: Reply): Uint8Array => encode(reply)
export const encodeNotice = (notice: Notice): Uint8Array => encode(notice)

/** @throws ProtocolError naming the field at fault; so do the next two. */
export function decodeRequest(frame: Uint8Array): Request {
  const value = decode(frame)
  return joinOfOtherVersion(value) ?? parse(requestSchema, value, 'request')
}

/**
 * A join of another version is read no further than its version: its other fields may mean
 * something else, and whoever sent it is to hear which version is spoken here.
 */
function joinOfOtherVersion(value: unknown): RequestOf<'join'> | null {
  const { type, version } = (value ?? {}) as { type?: unknown; version?: unknown }
  if (type !== 'join' || version === limits.PROTOCOL_VERSION) return null
  if (typeof version !== 'number' || !Number.isInteger(version)) return null
  if (version < 0 || version > VERSION_MAX) return null
  return { type, version, runId: null, token: '', session: 0, name: '', software: '' }
}

export const decodeNotice = (frame: Uint8Array): Notice =>
  parse(noticeSchema, decode(frame), 'notice')
export const decodeReply = (frame: Uint8Array): Reply =>
  parse(replySchema, decode(frame, REPLY_BYTES_MAX), 'reply')

/** The link before the first step. */
export function traceStart(of: Parameters<typeof traceSeed>[0]): Digest {
  return digestOf(traceSeed(of))
}

/** The start of a lease's trace: binds it to the run, round, lease, peer and base. */
export function traceSeed(of: {
  runId: Digest
  round: number
  leaseId: LeaseId
  peer: PeerId
  base: Digest
}): Uint8Array {
  const { runId, round, leaseId, peer, base } = of
  return encode({ purpose: 'barnraise trace 1', runId, round, leaseId, peer, base })
}
