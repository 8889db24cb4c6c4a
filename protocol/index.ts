/**
 * The door of `protocol/`: what all peers agree on. Other rooms import from here; what is not
 * listed is the room's own business. Each name is documented where it is defined.
 */

// Bulk bytes named by their digest, in chunks.
export {
  type BlobManifest,
  blobManifest,
  checkChunk,
  chunkCount,
  chunkOf,
  decodeBlobManifest,
  encodeBlobManifest,
} from './blob.ts'
export { type BlobReference, blobReference } from './blob-reference.ts'

// Values <-> canonical bytes.
export { decode, encode } from './codec.ts'

// Who did how much, by what was signed.
export {
  credited,
  creditOf,
  NO_CREDIT,
  type PeerCredit,
  type RoundManifest,
  type Subtracted,
} from './credit.ts'

// SHA-256, as text.
export {
  bytesToHex,
  chainDigest,
  concatBytes,
  createDigest,
  type Digest,
  digestOf,
  hexToBytes,
  isDigest,
  utf8ToBytes,
} from './digest.ts'

// The first of several deadlines.
export { earliest } from './earliest.ts'

// What peers sign.
export {
  type Correction,
  type CountedContribution,
  correctionSchema,
  type Manifest,
  manifestSchema,
  signingBytes,
} from './envelope.ts'

// Who is at fault.
export {
  assert,
  assertNever,
  ConfigError,
  DigestMismatch,
  ProtocolError,
  VersionError,
} from './errors.ts'

// Invites with terms of their own.
export {
  decodeInvite,
  encodeInvite,
  type InviteTerms,
  inviteTermsSchema,
} from './invite.ts'

// Frames <-> bytes of a stream.
export { FrameDecoder, frameHeader } from './framing.ts'

// Every limit of the wire and of a run.
export {
  ADAPTER_RANK_MAX,
  ADDRESS_LENGTH_MAX,
  ADDRESSES_MAX,
  ALLOWED_MAX,
  ANSWER_TOKENS_MAX,
  BATCHES_MAX,
  BLOB_BYTES_MAX,
  BLOB_CHUNK_BYTES,
  BLOB_MANIFEST_BYTES_MAX,
  CHOICES_MAX,
  HEAD_SIZE_MAX,
  HEARTBEAT_MS,
  HEARTBEAT_TIMEOUT_MS,
  HIDDEN_SIZE_MAX,
  JOIN_TIMEOUT_MS,
  LAYERS_MAX,
  INVITE_NAME_LENGTH_MAX,
  INVITES_MAX,
  LOSS_MAX,
  MEMBERS_MAX,
  MESSAGE_BYTES_MAX,
  MIRROR_LENGTH_MAX,
  MIRRORS_MAX,
  NAME_LENGTH_MAX,
  PEER_ID_LENGTH_MAX,
  PROTOCOL_VERSION,
  REASON_LENGTH_MAX,
  REQUEST_TIMEOUT_MS,
  ROUND_LEASES_MAX,
  ROUNDS_MAX,
  RUN_CONFIG_BYTES_MAX,
  SCORE_MS_MAX,
  SCORE_PIECE_MAX,
  SCORED_BYTES_MAX,
  SCORED_ROWS_MAX,
  SCORED_TOKENS_MAX,
  SIGNATURE_BYTES,
  STEP_MS_MAX,
  STEPS_MAX,
  STREAM_IDLE_TIMEOUT_MS,
  TOKEN_LENGTH_MAX,
  UPLOAD_SLOT_TIMEOUT_MS,
  UPLOAD_SLOTS,
  VOCABULARY_MAX,
} from './limits.ts'

// What both state machines say in a log.
export { type LogEffect, log, roundName } from './log.ts'

// What peers say to each other.
export {
  type AuditAnswer,
  type AuditCounts,
  type AuditOffer,
  auditCounts,
  type Contribution,
  type Credit,
  creditSchema,
  decodeNotice,
  decodeReply,
  decodeRequest,
  EVALUATIONS_MAX,
  encodeNotice,
  encodeReply,
  encodeRequest,
  evaluationSchema,
  type Lease,
  type LeaseId,
  type Notice,
  type PeerId,
  REFUSALS,
  REPLY_BYTES_MAX,
  type Refusal,
  type Reply,
  type ReplyOf,
  type Request,
  type RequestOf,
  requestSchema,
  type RoundStart,
  type RunStatus,
  roundStartSchema,
  type ScoreOffer,
  STATUS_PARTICIPANTS_MAX,
  traceSeed,
  traceStart,
} from './messages.ts'

// What answers may be rated by.
export { IPO_BETA_MIN } from './preference-config.ts'

// Random numbers that are the same everywhere.
export { nextFraction, type Prng, prng, shuffle } from './prng.ts'

// What all peers of a run must agree on; its digest is the RunId.
export {
  checkRunConfig,
  decodeRunConfig,
  encodeRunConfig,
  heldOutBlobs,
  type MergeRule,
  mergeRule,
  type RunConfig,
  type RunId,
  runConfigSchema,
  runIdOf,
  SCORE_METRICS,
  type ScoreMetric,
} from './run-config.ts'

// What scores are called, and which is the better.
export {
  costOf,
  metricOf,
  type RankedRound,
  type RoundScores,
  ratedWords,
  roundScoresSchema,
  SCORE_NAMES,
  type ScoredRow,
  type Scores,
  scoredRow,
  scoresSchema,
  scoreWords,
} from './scores.ts'

// Shapes of untrusted values.
export {
  bytes,
  digest,
  flag,
  type Infer,
  integer,
  list,
  nullable,
  oneOf,
  optional,
  parse,
  type Range,
  real,
  type Schema,
  struct,
  text,
  variants,
  word,
} from './schema.ts'

// Texts that travel in messages, or are shown to people.
export { counted } from './counted.ts'
export { reasonOf } from './reason.ts'
