/**
 * RunConfig: everything that all peers of a run must agree on. Its canonical bytes are hashed; the
 * digest is the RunId. What is private to one process (ports, paths, threads, when to work) is
 * NodeConfig, in `node`.
 */
import { adapter, contradictionsOfAdapter } from './adapter-config.ts'
import { type BlobReference, blobReference } from './blob-reference.ts'
import { decode, encode } from './codec.ts'
import type { Contradiction } from './contradiction.ts'
import { type Digest, digestOf } from './digest.ts'
import { ProtocolError, VersionError } from './errors.ts'
import * as limits from './limits.ts'
import { contradictionsOfPreference, preference } from './preference-config.ts'
import {
  digest,
  flag,
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
} from './schema.ts'
import { faultsOfKinds, MATRICES_MAX, storedKind } from './stored-kinds.ts'

export const modelShape = struct({
  vocabSize: integer(2, limits.VOCABULARY_MAX),
  hiddenSize: integer(2, limits.HIDDEN_SIZE_MAX),
  intermediateSize: integer(2, limits.HIDDEN_SIZE_MAX),
  layerCount: integer(1, limits.LAYERS_MAX),
  headCount: integer(1, limits.HIDDEN_SIZE_MAX),
  kvHeadCount: integer(1, limits.HIDDEN_SIZE_MAX),
  headDim: integer(2, limits.HEAD_SIZE_MAX),
  ropeTheta: real(1, 1e12),
  /** RoPE's frequencies are divided by these. */
  ropeDivisors: nullable(list(real(1e-3, 1e6), 1, limits.HEAD_SIZE_MAX / 2)),
  rmsNormEps: real(1e-12, 1),
  tiedHead: flag,
  qkvBias: flag,
  headNorm: flag,
})

const base = struct({
  name: text(limits.NAME_LENGTH_MAX),
  shape: modelShape,
  /** The safetensors file with the frozen weights. */
  weights: blobReference,
  /** What the tokens mean; volunteers train without it. */
  tokenizer: digest,
})

/** How the frozen base is stored and multiplied: both decide bits; see kernels/ops.ts. */
const kernels = struct({
  /** `blocks`: each matrix in the kind that its file has it in. */
  base: oneOf('float32', 'float16', 'bfloat16', 'int8', 'blocks'),
  path: oneOf('float32', 'int16'),
  /** Those kinds, in the order of stored-kinds.ts; absent where the base is of one. */
  kinds: optional(list(storedKind, 1, MATRICES_MAX)),
})

const dataset = struct({
  name: text(limits.NAME_LENGTH_MAX),
  sequenceLength: integer(2, limits.SEQUENCE_LENGTH_MAX),
  /**
   * What a sequence holds. `stream`: a piece of one long text. `documents`: documents that see only
   * themselves, parts of which are not learned. `answers`: such documents, of which each says
   * whether it is a rejected answer.
   */
  layout: oneOf('stream', 'documents', 'answers'),
  /** Bytes of one token id in a shard. */
  tokenBytes: oneOf(2, 4),
  sequencesPerShard: integer(1, 65_536),
  trainSequences: integer(1, limits.BATCHES_MAX),
  trainShards: list(blobReference, 1, limits.SHARDS_MAX),
  validationSequences: integer(1, 65_536),
  /** Held out: only the coordinator has it, no volunteer trains on it. */
  validationShard: blobReference,
})

/** The scores by which the best adapter may be told, instead of by the held-out loss. */
export const SCORE_METRICS = ['acc', 'acc_norm', 'exact_match'] as const
export type ScoreMetric = (typeof SCORE_METRICS)[number]

const training = struct({
  /**
   * `delta`: averaged local AdamW steps. `gradient`: averaged gradients, one AdamW step a round.
   */
  mode: oneOf('delta', 'gradient'),
  /** Sequences in the batch of one local step. */
  batchSequences: integer(1, limits.BATCH_SEQUENCES_MAX),
  /** Sequences in one forward and backward pass. */
  microBatch: integer(1, limits.BATCH_SEQUENCES_MAX),
  /** The run ends when this many batches are counted. */
  batchesMax: integer(1, limits.BATCHES_MAX),
  /** It ends after so many rounds whatever is counted; null: no limit. */
  roundsMax: nullable(integer(1, limits.ROUNDS_MAX)),
  /** It ends after so many rounds none of which is better than the best; absent: it goes on. */
  patience: optional(integer(1, limits.ROUNDS_MAX)),
  /** Which of two adapters is the better; absent: the one with the lower held-out loss. */
  metric: optional(oneOf(...SCORE_METRICS)),
  learningRate: real(0, 1),
  /** Share of the run with a rising learning rate. */
  warmupFraction: real(0, 1),
  schedule: oneOf('constant', 'linear', 'cosine'),
  /** The schedule ends at this share of `learningRate`. */
  finalFraction: real(0, 1),
  beta1: real(0, 0.9999),
  beta2: real(0, 0.999999),
  epsilon: real(1e-12, 1),
  weightDecay: real(0, 1),
  gradientClip: real(1e-6, 1e6),
  /** Clamp of Adam's m / (√v + ε): bounds what one contribution can move. */
  ratioMax: real(0.1, 1e6),
  /** The learning rate of the adapter's B as a multiple of that of A; absent: they are the same. */
  rateRatio: optional(real(1e-3, 1e3)),
  /** Share of what each A reads that is dropped in training; absent: none. */
  dropout: optional(real(0.0001, 0.95)),
  /** alpha of the noise on embeddings in training, alpha / √(sequence · hidden); absent: none. */
  embeddingNoise: optional(real(0.001, 1e4)),
  /** Absent: each token that counts is learned. */
  preference: optional(preference),
})

const round = struct({
  /** Time box of a round, counted from its first lease. */
  seconds: real(1, 86_400),
  /** Time after the box in which finished work may still be handed in. */
  graceSeconds: real(0.1, 86_400),
  /** A round hands out at most this many batches. */
  batchesMax: integer(1, limits.BATCHES_MAX),
  stepsMin: integer(1, limits.STEPS_MAX),
  stepsMax: integer(1, limits.STEPS_MAX),
  /**
   * Identities of one place that have yet to deliver hold at most this share of a round together,
   * and a lease is no larger, or than an equal share.
   */
  holdShare: real(0.001, 1),
  /** A round closes at its deadline when this share of what it leased is counted. */
  quorumFraction: real(0, 1),
  /** How long a volunteer whose connection broke keeps its lease. */
  rejoinSeconds: real(0, 86_400),
})

const outer = struct({
  learningRate: real(0, 10),
  momentum: real(0, 0.9999),
})

const codec = oneOf('float32', 'int8', 'int4')

export const mergeRule = oneOf('mean', 'trimmed')
export type MergeRule = Infer<typeof mergeRule>

const aggregation = struct({
  /** How contributions are merged: `trimmed` leaves out the extremes of each coordinate. */
  merge: mergeRule,
  /** Codec of what a volunteer sends up. */
  uplink: codec,
  /** Codec of the server delta sent down. */
  downlink: codec,
  /** A contribution's weight is at most this many times the median weight. */
  weightCap: real(1, 1e6),
  /** Its norm is clipped to this many times the median norm per √step. */
  normClip: real(0.1, 1e6),
  /** A merge that raises the held-out loss by a larger share is not published; null: any is. */
  gate: nullable(real(0, 1e6)),
})

const audit = struct({
  /**
   * Whose work is repeated. `everyone`: nobody's. `friends`: a share of everybody's, from the first
   * lease on. `strangers`: all of a newcomer's before it counts, then ever less.
   */
  trust: oneOf('everyone', 'friends', 'strangers'),
  /** Share of contributions that are repeated in full, at the least. */
  fullShare: real(0, 1),
  /** Share of the others whose first steps are repeated. */
  lookShare: real(0, 1),
  /** Share of its time for which the coordinator may audit by itself. */
  ownShare: real(0.01, 1),
})

const admission = struct({
  /**
   * Who is let in. `open`: whoever comes. `link`: whoever has the token of the run's link, or an
   * invite. `invites`: whoever has an invite.
   */
  kind: oneOf('open', 'link', 'invites'),
  /** Nobody else is let in but these, and those that the organiser adds; null: all are. */
  allowed: nullable(list(text(limits.PEER_ID_LENGTH_MAX), 0, limits.ALLOWED_MAX)),
  membersMax: integer(1, limits.MEMBERS_MAX),
  /** So many of them from one block of addresses; null: no limit. */
  blockMembersMax: nullable(integer(1, limits.MEMBERS_MAX)),
})

/** Questions and prompts that adapters are scored on: only the coordinator has the answers. */
const scoring = struct({
  /** The rows, in tokens; see node/dataset/scored-rows.ts. */
  rows: blobReference,
  /** The same without the answers, for volunteers to score on; absent: the coordinator does all. */
  asked: optional(blobReference),
  /** Questions with choices among them, and prompts to answer. */
  questions: integer(0, limits.SCORED_ROWS_MAX),
  prompts: integer(0, limits.SCORED_ROWS_MAX),
  /** Tokens of the longest, with its longest choice or all that may be written to answer it. */
  contextTokens: integer(2, limits.SCORED_TOKENS_MAX),
  /** The adapters after so many rounds are scored, the last one in any case. */
  everyRounds: integer(1, limits.ROUNDS_MAX),
})

export const runConfigSchema = struct({
  version: oneOf(limits.PROTOCOL_VERSION),
  name: text(limits.NAME_LENGTH_MAX),
  seed: integer(0, 2 ** 32 - 1),
  base,
  kernels,
  adapter,
  dataset,
  training,
  round,
  outer,
  aggregation,
  admission,
  audit,
  /** Absent: adapters have no scores. */
  scoring: optional(scoring),
})

export type RunConfig = Infer<typeof runConfigSchema>

/** What adapters are measured on: nobody is served it, as whoever trains must not see it. */
export function heldOutBlobs({ dataset, scoring }: RunConfig): BlobReference[] {
  return [dataset.validationShard, ...(scoring === undefined ? [] : [scoring.rows])]
}

/** The run's name to the world: SHA-256 of the RunConfig's canonical bytes. */
export type RunId = Digest

/** Canonical bytes; the config is checked, so that what is hosted can be joined. */
export function encodeRunConfig(config: RunConfig): Uint8Array {
  return encode(checkRunConfig(config))
}

export function runIdOf(config: RunConfig): RunId {
  return digestOf(encodeRunConfig(config))
}

/**
 * @throws VersionError for a run of another version of the protocol, ProtocolError unless the
 * bytes are the canonical form of a valid RunConfig
 */
export function decodeRunConfig(bytes: Uint8Array): RunConfig {
  const value = decode(bytes, limits.RUN_CONFIG_BYTES_MAX)
  const version = (value as { version?: unknown } | null)?.version
  if (Number.isInteger(version) && version !== limits.PROTOCOL_VERSION) {
    throw new VersionError(
      `Cannot use a run of protocol ${version}, as this is barnraise for ` +
        `protocol ${limits.PROTOCOL_VERSION}: go on with the version that made it`,
    )
  }
  return checkRunConfig(value)
}

/** @throws ProtocolError naming the field that is out of bounds or contradicts another. */
export function checkRunConfig(value: unknown): RunConfig {
  const config = parse(runConfigSchema, value, 'run')
  for (const [broken, field, rule, current] of contradictionsOf(config)) {
    if (!broken) continue
    throw new ProtocolError(
      'malformed',
      `Cannot use the run config as '${field}' must be ${rule}: current value is ${current}`,
      { path: `run.${field}`, rule, current: String(current) },
    )
  }
  return config
}

/** Rows of weights and activations start at multiples of four scalars, for the kernels' vectors. */
const ROW_MULTIPLE = 4

function contradictionsOf(config: RunConfig): Contradiction[] {
  return [
    ...ofBase(config),
    ...contradictionsOfAdapter(config.base.shape, config.adapter, config.training),
    ...ofTraining(config),
    ...contradictionsOfPreference(config.training, config.dataset),
    ...ofScoring(config),
  ]
}

/** A metric is one of the scores that the run has. */
function ofScoring({ training: { metric }, scoring }: RunConfig): Contradiction[] {
  const { questions = 0, prompts = 0 } = scoring ?? {}
  return [
    [
      scoring !== undefined && questions + prompts === 0,
      'scoring.questions',
      'at least 1 where there are no prompts',
      questions,
    ],
    [
      metric !== undefined && (metric === 'exact_match' ? prompts : questions) === 0,
      'training.metric',
      metric === 'exact_match'
        ? 'another where there are no prompts to answer'
        : 'another where there are no questions with choices',
      metric,
    ],
  ]
}

function ofBase({ base: { shape }, kernels }: RunConfig): Contradiction[] {
  return [
    ...faultsOfKinds(kernels, shape),
    [
      kernels.path === 'int16' && kernels.base !== 'int8' && kernels.base !== 'blocks',
      'kernels.base',
      'int8 or blocks where the path is int16',
      kernels.base,
    ],
    [
      shape.headCount % shape.kvHeadCount !== 0,
      'base.shape.headCount',
      `a multiple of kvHeadCount ${shape.kvHeadCount}`,
      shape.headCount,
    ],
    ...(['hiddenSize', 'intermediateSize', 'headDim'] as const).map(
      (size): Contradiction => [
        shape[size] % ROW_MULTIPLE !== 0,
        `base.shape.${size}`,
        `a multiple of ${ROW_MULTIPLE}`,
        shape[size],
      ],
    ),
    [
      (shape.ropeDivisors?.length ?? shape.headDim / 2) !== shape.headDim / 2,
      'base.shape.ropeDivisors',
      `${shape.headDim / 2} numbers, one for each frequency of a head`,
      shape.ropeDivisors?.length,
    ],
  ]
}

function ofTraining({ training, round, aggregation, dataset, base }: RunConfig): Contradiction[] {
  return [
    [
      training.batchSequences % training.microBatch !== 0,
      'training.batchSequences',
      `a multiple of microBatch ${training.microBatch}`,
      training.batchSequences,
    ],
    [
      training.mode === 'gradient' && aggregation.merge !== 'mean',
      'aggregation.merge',
      'mean where gradients are averaged',
      aggregation.merge,
    ],
    [
      round.stepsMin > round.stepsMax,
      'round.stepsMin',
      `at most stepsMax ${round.stepsMax}`,
      round.stepsMin,
    ],
    [
      dataset.tokenBytes === 2 && base.shape.vocabSize > 65_536,
      'dataset.tokenBytes',
      `4 for a vocabulary of ${base.shape.vocabSize}`,
      dataset.tokenBytes,
    ],
    [
      dataset.trainShards.length !== Math.ceil(dataset.trainSequences / dataset.sequencesPerShard),
      'dataset.trainShards',
      `${dataset.trainSequences} sequences in shards of ${dataset.sequencesPerShard}`,
      `${dataset.trainShards.length} shards`,
    ],
    [
      dataset.trainSequences < training.batchSequences,
      'dataset.trainSequences',
      `at least a batch of ${training.batchSequences}`,
      dataset.trainSequences,
    ],
  ]
}
