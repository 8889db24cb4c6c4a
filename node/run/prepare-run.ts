/**
 * From `run.yaml` to a run: open the base model, tokenise the text, cut it into shards, and write
 * down, in a RunConfig, what all peers will agree on.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError } from '../../protocol/errors.ts'
import * as limits from '../../protocol/limits.ts'
import {
  checkRunConfig,
  encodeRunConfig,
  type RunConfig,
  type RunId,
  runIdOf,
} from '../../protocol/run-config.ts'
import type { Example } from '../dataset/kinds.ts'
import { type DatasetOptions, type PreparedDataset, prepareDataset } from '../dataset/prepare.ts'
import { openSource, type Source } from '../dataset/sources.ts'
import { type BaseModel, openBaseModel } from '../model/base-model.ts'
import {
  DEFAULT_TEMPLATE,
  openChatTemplate,
  TEMPLATE_FILE,
  templateText,
} from '../model/chat-template.ts'
import { createFileBlobStore } from '../storage/blob-store.ts'
import type { LocatedRun } from './locate-run.ts'
import type { RunFolder } from './run-folder.ts'
import { type RunYaml, targetOf } from './run-yaml.ts'

/** A shard of this size is fetched in a moment and holds work for many leases. */
const SHARD_TOKENS = 65_536

export interface PreparedRun {
  config: RunConfig
  runId: RunId
  dataset: PreparedDataset
}

/** What `run.yaml` means, without writing anything. */
export async function planRun(run: LocatedRun): Promise<PreparedRun & { base: BaseModel }> {
  const { yaml } = run
  const base = await openBaseModel(run.base)
  if (yaml.sequence_len > base.contextLength) {
    base.close()
    throw new ConfigError(
      `Cannot train on this base as 'sequence_len' must be at most ${base.contextLength}: ` +
        `current value is ${yaml.sequence_len}`,
    )
  }
  const sources = await openSources(run)
  const options = await datasetOptions(run, base, sources)
  const dataset = await prepareDataset(joined(sources), base.tokenizer, options)
  const config = runConfigOf(run, base, dataset)
  return { config, runId: runIdOf(config), dataset, base }
}

export function openSources({ datasets, folder }: LocatedRun): Promise<Source[]> {
  return Promise.all(datasets.map((dataset) => openSource(dataset, folder)))
}

export async function datasetOptions(
  { yaml, folder }: LocatedRun,
  base: BaseModel,
  sources: readonly Source[],
): Promise<DatasetOptions> {
  const isStream = !yaml.sample_packing && sources.every(({ kind }) => kind === 'completion')
  const isChat = sources.some(({ kind }) => kind === 'chat_template' || kind === 'sharegpt')
  return {
    name: datasetName(yaml),
    sequenceLength: yaml.sequence_len,
    sequencesPerShard: Math.max(1, Math.floor(SHARD_TOKENS / yaml.sequence_len)),
    validationSize: yaml.val_set_size,
    seed: yaml.seed,
    layout: isStream ? 'stream' : 'documents',
    longExamples: yaml.excess_length_strategy,
    template: isChat ? openChatTemplate(base.companions, await templateOf(yaml, folder)) : null,
  }
}

/** A name, or what the file of a template says. */
async function templateOf({ chat_template: wanted }: RunYaml, folder: string): Promise<string> {
  if (!wanted.endsWith('.jinja')) return wanted
  const path = resolve(folder, wanted)
  return readFile(path, 'utf8').catch((error: Error) => {
    throw new ConfigError(`Cannot read the chat template ${path}: ${error.message}`)
  })
}

/**
 * Plans the run and writes all of it but the journal into `run`.
 * @param source the text of its run.yaml
 */
export async function prepareRun(
  located: LocatedRun,
  source: string,
  run: RunFolder,
): Promise<PreparedRun> {
  const planned = await planRun(located)
  const { base, config, dataset } = planned
  await mkdir(run.base, { recursive: true })
  const blobs = await createFileBlobStore(run.blobs)
  for (const bytes of dataset.blobs.values()) await blobs.put(bytes)
  await blobs.putStream(base.pieces())
  for (const [name, bytes] of base.companions) await writeFile(join(run.base, name), bytes)
  const wanted = await templateOf(located.yaml, located.folder)
  if (wanted !== DEFAULT_TEMPLATE) {
    await writeFile(join(run.base, TEMPLATE_FILE), templateText(wanted))
  }
  base.close()
  await writeFile(run.yaml, source)
  // Last, because a folder with a RunConfig is a run.
  await writeFile(run.config, encodeRunConfig(config))
  return planned
}

async function* joined(sources: readonly Source[]): AsyncGenerator<Example> {
  for (const source of sources) yield* source.examples()
}

function datasetName(yaml: RunYaml): string {
  return yaml.datasets
    .map(({ path }) => path)
    .join(', ')
    .slice(0, limits.NAME_LENGTH_MAX)
}

function runConfigOf(
  { yaml, baseName }: LocatedRun,
  base: BaseModel,
  dataset: PreparedDataset,
): RunConfig {
  const { digest, bytes } = base.file
  return checkedConfig({
    version: limits.PROTOCOL_VERSION,
    name: yaml.name,
    seed: yaml.seed,
    base: {
      name: baseName.slice(0, limits.NAME_LENGTH_MAX),
      shape: base.shape,
      weights: { digest, bytes },
      tokenizer: base.tokenizerDigest,
    },
    kernels: kernelsOf(yaml, base),
    adapter: {
      adapterRank: yaml.lora_r,
      alpha: yaml.lora_alpha,
      targets: [...new Set(yaml.lora_target_modules.map(targetOf))],
    },
    dataset: dataset.config,
    training: trainingOf(yaml, dataset.config.trainSequences),
    round: roundOf(yaml.swarm),
    outer: {
      learningRate: yaml.swarm.outer_learning_rate,
      momentum: yaml.swarm.outer_momentum,
    },
    aggregation: {
      uplink: yaml.swarm.uplink,
      downlink: yaml.swarm.downlink,
      weightCap: yaml.swarm.weight_cap,
      normClip: yaml.swarm.norm_clip,
    },
    admission: { membersMax: yaml.swarm.members_max },
  })
}

/** The base as its checkpoint has it, unless fewer bits are asked for. */
function kernelsOf(
  { load_in_8bit: is8Bit, load_in_4bit: is4Bit }: RunYaml,
  { weights }: BaseModel,
): RunConfig['kernels'] {
  if (is8Bit) return { base: 'int8', path: 'int16' }
  return { base: is4Bit ? 'int4' : weights.storage, path: 'float32' }
}

function trainingOf(yaml: RunYaml, trainSequences: number): RunConfig['training'] {
  const batchSequences = yaml.micro_batch_size * yaml.gradient_accumulation_steps
  const epochBatches = Math.max(1, Math.floor((yaml.num_epochs * trainSequences) / batchSequences))
  return {
    mode: yaml.swarm.aggregation,
    batchSequences,
    microBatch: yaml.micro_batch_size,
    batchesMax: yaml.max_steps ?? epochBatches,
    roundsMax: yaml.swarm.rounds,
    learningRate: yaml.learning_rate,
    warmupFraction: yaml.warmup_ratio,
    schedule: yaml.lr_scheduler,
    finalFraction: yaml.lr_scheduler === 'constant' ? 1 : FINAL_FRACTION,
    beta1: yaml.adam_beta1,
    beta2: yaml.adam_beta2,
    epsilon: yaml.adam_epsilon,
    weightDecay: yaml.weight_decay,
    gradientClip: yaml.max_grad_norm,
    ratioMax: RATIO_MAX,
  }
}

/** Share of the learning rate that a schedule ends at. */
const FINAL_FRACTION = 0.1
/** Clamp of Adam's m / (√v + ε): an honest delta is then bounded by 2 · Σ learning rate. */
const RATIO_MAX = 2

function roundOf(swarm: RunYaml['swarm']): RunConfig['round'] {
  return {
    seconds: swarm.round_seconds,
    graceSeconds: swarm.grace_seconds,
    batchesMax: swarm.round_batches,
    stepsMin: swarm.lease_steps_min,
    stepsMax: swarm.lease_steps_max,
    quorumFraction: swarm.quorum,
    rejoinSeconds: swarm.rejoin_seconds,
  }
}

/** What a RunConfig cannot be is, here, the organiser's to mend. */
function checkedConfig(config: unknown): RunConfig {
  try {
    return checkRunConfig(config)
  } catch (error) {
    throw new ConfigError((error as Error).message)
  }
}
