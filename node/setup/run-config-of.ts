/**
 * The RunConfig that a run.yaml means with its base and its data: what all peers will agree on.
 * What a RunConfig cannot be is told by the key of run.yaml that would have to change.
 */
import {
  ConfigError,
  checkRunConfig,
  counted,
  digestOf,
  NAME_LENGTH_MAX,
  PROTOCOL_VERSION,
  ProtocolError,
  type RunConfig,
  runConfigSchema,
} from '../../protocol/index.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { ReadScoredRows } from '../dataset/read-scored-rows.ts'
import type { BaseModel } from '../model/base-model.ts'
import { adapterShapeOf } from './adapter-shape.ts'
import type { LocatedRun } from './locate-run.ts'
import { preferenceOf } from './preference-keys.ts'
import type { KeyPath, RunYaml } from './run-keys.ts'
import type { Start } from './start-adapter.ts'

/** @throws ConfigError with file:line:column of the key at fault */
export function runConfigOf(
  run: LocatedRun,
  base: BaseModel,
  { dataset: prepared, scored }: { dataset: PreparedDataset; scored: ReadScoredRows | null },
  start: Start | null,
): RunConfig {
  const { yaml, baseName } = run
  const { config: dataset } = prepared
  checkBatch(run, prepared)
  const { digest, bytes } = base.file
  const { swarm } = yaml
  const config = {
    version: PROTOCOL_VERSION,
    name: yaml.name,
    seed: yaml.seed,
    base: {
      name: baseName.slice(0, NAME_LENGTH_MAX),
      shape: base.shape,
      weights: { digest, bytes },
      tokenizer: base.tokenizerDigest,
    },
    kernels: kernelsOf(run, base),
    adapter: {
      ...adapterShapeOf(run, base.shape),
      // A run that starts from nothing is named as if there were no such field.
      ...(start === null ? {} : { start }),
    },
    dataset,
    training: trainingOf(yaml, dataset.trainSequences),
    round: roundOf(swarm),
    outer: { learningRate: swarm.outer_learning_rate, momentum: swarm.outer_momentum },
    aggregation: {
      merge: swarm.merge,
      uplink: swarm.uplink ?? CODECS[swarm.aggregation].uplink,
      downlink: swarm.downlink ?? CODECS[swarm.aggregation].downlink,
      weightCap: swarm.weight_cap,
      normClip: swarm.norm_clip,
      gate: swarm.gate,
    },
    admission: admissionOf(swarm),
    audit: {
      trust: swarm.trust,
      fullShare: swarm.audit.q_full,
      lookShare: swarm.audit.q_look,
      ownShare: swarm.audit.own_share,
    },
    ...(scored === null ? {} : { scoring: scoringOf(yaml, scored) }),
  }
  try {
    return checkRunConfig(config)
  } catch (error) {
    throw error instanceof ProtocolError ? byKey(error, run) : error
  }
}

const { batchSequences } = runConfigSchema.fields.training.fields

/** What fills no batch is told by its tokens: how many sequences they make is our affair. */
function checkBatch({ yaml, placeOf }: LocatedRun, { config, tokens }: PreparedDataset): void {
  const { trainSequences, validationSequences, sequenceLength } = config
  const batch = batchOf(yaml)
  // A batch that no run can have is another fault, and told by its own key.
  if (trainSequences >= batch || batch > batchSequences.max) return
  throw new ConfigError(
    `${placeOf(['datasets'])} datasets: there are too few tokens: ${tokens} make ` +
      `${counted(trainSequences, 'sequence')} of ${sequenceLength} to train on, and ` +
      `${validationSequences} to hold out; a batch takes ${batch}. Give more data, or lower ` +
      "'micro_batch_size', 'gradient_accumulation_steps' or 'sequence_len'",
  )
}

const batchOf = ({ micro_batch_size: size, gradient_accumulation_steps: steps }: RunYaml): number =>
  size * steps

/** Gradients are averaged to do as one machine would: what is sent then loses nothing. */
const CODECS = {
  delta: { uplink: 'int4', downlink: 'int8' },
  gradient: { uplink: 'float32', downlink: 'float32' },
} as const

/** The base as its file has it, unless volunteers are to round it. */
function kernelsOf(
  { yaml, placeOf }: LocatedRun,
  { weights: { storage } }: BaseModel,
): RunConfig['kernels'] {
  if (yaml.load_in_8bit) return { base: 'int8', path: 'int16' }
  if (!yaml.integer_products) return { ...storage, path: 'float32' }
  if (storage.base === 'blocks') return { ...storage, path: 'int16' }
  throw new ConfigError(
    `${placeOf(['integer_products'])} integer_products: the base has its numbers as ` +
      `${storage.base}, which are no integers. Leave it out, or set 'load_in_8bit' or ` +
      "'load_in_4bit'",
  )
}

/**
 * Clamp of Adam's m / (√v + ε): an honest delta is then bounded by 2 · Σ learning rate, that of B
 * where it is the higher one.
 */
const RATIO_MAX = 2

function trainingOf(yaml: RunYaml, trainSequences: number): RunConfig['training'] {
  const batchSequences = batchOf(yaml)
  const { early_stopping_patience: patience } = yaml
  const preference = preferenceOf(yaml)
  const epochBatches = Math.max(1, Math.floor((yaml.num_epochs * trainSequences) / batchSequences))
  return {
    mode: yaml.swarm.aggregation,
    batchSequences,
    microBatch: yaml.micro_batch_size,
    batchesMax: yaml.max_steps ?? epochBatches,
    roundsMax: yaml.swarm.rounds,
    ...(patience === undefined ? {} : { patience }),
    learningRate: yaml.learning_rate,
    warmupFraction: yaml.warmup_ratio,
    schedule: yaml.lr_scheduler,
    finalFraction: yaml.lr_scheduler === 'constant' ? 1 : yaml.cosine_min_lr_ratio,
    beta1: yaml.adam_beta1,
    beta2: yaml.adam_beta2,
    epsilon: yaml.adam_epsilon,
    weightDecay: yaml.weight_decay,
    gradientClip: yaml.max_grad_norm,
    ratioMax: RATIO_MAX,
    ...variantsOf(yaml),
    ...(preference === null ? {} : { preference }),
  }
}

function scoringOf(
  { eval_every: everyRounds, eval_spread: isSpread }: RunYaml,
  { blob, asked, ...counts }: ReadScoredRows,
): NonNullable<RunConfig['scoring']> {
  const { questions, prompts, contextTokens } = counts
  const named = (bytes: Uint8Array) => ({ digest: digestOf(bytes), bytes: bytes.length })
  const shared = isSpread ? { asked: named(asked) } : {}
  return { rows: named(blob), ...shared, questions, prompts, contextTokens, everyRounds }
}

/** What says nothing new is left out, so that a run is named as if there were no such field. */
function variantsOf(yaml: RunYaml): Partial<RunConfig['training']> {
  const { loraplus_lr_ratio: rateRatio, lora_dropout: dropout } = yaml
  const { neftune_noise_alpha: embeddingNoise, metric_for_best_model: metric } = yaml
  return {
    ...(metric === 'eval_loss' ? {} : { metric }),
    ...(rateRatio === 1 ? {} : { rateRatio }),
    ...(dropout === 0 ? {} : { dropout }),
    ...(embeddingNoise === 0 ? {} : { embeddingNoise }),
  }
}

function roundOf(swarm: RunYaml['swarm']): RunConfig['round'] {
  return {
    seconds: swarm.round_seconds,
    graceSeconds: swarm.grace_seconds,
    batchesMax: swarm.round_batches,
    stepsMin: swarm.lease_steps_min,
    stepsMax: swarm.lease_steps_max,
    holdShare: swarm.hold_share,
    quorumFraction: swarm.quorum,
    rejoinSeconds: swarm.rejoin_seconds,
  }
}

/** A classroom is one block of addresses; many strangers of one block are mostly one person. */
const STRANGERS_OF_BLOCK_MAX = 16

function admissionOf({
  trust,
  admission: kind,
  allow_list: allowed,
  members_max: membersMax,
  block_members_max: blockMembersMax = trust === 'strangers' ? STRANGERS_OF_BLOCK_MAX : null,
}: RunYaml['swarm']): RunConfig['admission'] {
  return { kind, allowed: allowed ?? null, membersMax, blockMembersMax }
}

/** Which key of run.yaml makes a part of a RunConfig what it is; a longer path goes first. */
const KEYS: readonly [path: string, key: KeyPath][] = [
  ['run.name', ['name']],
  ['run.seed', ['seed']],
  ['run.kernels.path', ['integer_products']],
  ['run.kernels', ['load_in_8bit']],
  ['run.base', ['base_model']],
  ['run.adapter.adapterRank', ['lora_r']],
  ['run.adapter.alpha', ['lora_alpha']],
  ['run.adapter.targets', ['lora_target_modules']],
  ['run.adapter.layers', ['peft_layers_to_transform']],
  ['run.adapter.scaling', ['peft_use_rslora']],
  ['run.adapter.variant', ['peft_use_dora']],
  ['run.adapter.exceptions', ['peft_rank_pattern']],
  ['run.adapter.start', ['adapter_from']],
  ['run.dataset.validation', ['val_set_size']],
  ['run.dataset', ['datasets']],
  ['run.training.mode', ['swarm', 'aggregation']],
  ['run.training.batchSequences', ['gradient_accumulation_steps']],
  ['run.training.microBatch', ['micro_batch_size']],
  ['run.training.batchesMax', ['num_epochs']],
  ['run.training.roundsMax', ['swarm', 'rounds']],
  ['run.training.patience', ['early_stopping_patience']],
  ['run.training.metric', ['metric_for_best_model']],
  ['run.scoring.everyRounds', ['eval_every']],
  ['run.scoring', ['eval_choices']],
  ['run.training.learningRate', ['learning_rate']],
  ['run.training.warmupFraction', ['warmup_ratio']],
  ['run.training.schedule', ['lr_scheduler']],
  ['run.training.finalFraction', ['cosine_min_lr_ratio']],
  ['run.training.beta1', ['adam_beta1']],
  ['run.training.beta2', ['adam_beta2']],
  ['run.training.epsilon', ['adam_epsilon']],
  ['run.training.weightDecay', ['weight_decay']],
  ['run.training.preference.labelSmoothing', ['dpo_label_smoothing']],
  ['run.training.preference.targetMargin', ['simpo_gamma']],
  ['run.training.preference.chosenWeight', ['cpo_alpha']],
  ['run.training.preference.desirableWeight', ['kto_desirable_weight']],
  ['run.training.preference.undesirableWeight', ['kto_undesirable_weight']],
  ['run.training.preference.beta', ['rl_beta']],
  ['run.training.preference', ['rl']],
  ['run.training.dropout', ['lora_dropout']],
  ['run.training.embeddingNoise', ['neftune_noise_alpha']],
  ['run.training.rateRatio', ['loraplus_lr_ratio']],
  ['run.training.gradientClip', ['max_grad_norm']],
  ['run.round.seconds', ['swarm', 'round_seconds']],
  ['run.round.graceSeconds', ['swarm', 'grace_seconds']],
  ['run.round.batchesMax', ['swarm', 'round_batches']],
  ['run.round.stepsMin', ['swarm', 'lease_steps_min']],
  ['run.round.stepsMax', ['swarm', 'lease_steps_max']],
  ['run.round.holdShare', ['swarm', 'hold_share']],
  ['run.round.quorumFraction', ['swarm', 'quorum']],
  ['run.round.rejoinSeconds', ['swarm', 'rejoin_seconds']],
  ['run.outer.learningRate', ['swarm', 'outer_learning_rate']],
  ['run.outer.momentum', ['swarm', 'outer_momentum']],
  ['run.aggregation.merge', ['swarm', 'merge']],
  ['run.aggregation.uplink', ['swarm', 'uplink']],
  ['run.aggregation.downlink', ['swarm', 'downlink']],
  ['run.aggregation.weightCap', ['swarm', 'weight_cap']],
  ['run.aggregation.normClip', ['swarm', 'norm_clip']],
  ['run.aggregation.gate', ['swarm', 'gate']],
  ['run.admission.kind', ['swarm', 'admission']],
  ['run.admission.allowed', ['swarm', 'allow_list']],
  ['run.admission.membersMax', ['swarm', 'members_max']],
  ['run.admission.blockMembersMax', ['swarm', 'block_members_max']],
  ['run.audit.trust', ['swarm', 'trust']],
  ['run.audit.fullShare', ['swarm', 'audit', 'q_full']],
  ['run.audit.lookShare', ['swarm', 'audit', 'q_look']],
  ['run.audit.ownShare', ['swarm', 'audit', 'own_share']],
]

/** The key of run.yaml that decides what stands at a path of a RunConfig; empty: none does. */
export function keyOf(path: string): KeyPath {
  return KEYS.find(([start]) => path.startsWith(start))?.[1] ?? []
}

function byKey({ fault, message }: ProtocolError, run: LocatedRun): ConfigError {
  if (fault === null) return new ConfigError(message)
  const key = keyOf(fault.path)
  return new ConfigError(
    `${run.placeOf(key)} ${key.join('.')}: makes '${fault.path}' ${fault.current}, and it must ` +
      `be ${fault.rule}`,
  )
}
