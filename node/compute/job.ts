/** What a run asks of this machine, in the memory and with the data that it may take. */

import { fitMemory, JOB_BYTES_MAX, type JobShape } from '../../kernels/index.ts'
import { type BlobReference, ConfigError, type RunConfig } from '../../protocol/index.ts'

export interface JobLimits {
  /** How many cores a step may take. */
  threads: number
  /** What the kernels' memory may grow to. */
  memoryBytesMax: number
  /** What its owner knows these by, and of the device. @default the options of commands */
  words?: LimitWords
}

export interface LimitWords {
  memory: string
  threads: string
  /** A sentence on what the device has; empty where nothing is known. */
  device: string
}

const OPTIONS: LimitWords = { memory: "'--memory'", threads: "'--threads'", device: '' }

export interface FittedJob {
  job: JobShape
  /** What it takes. */
  bytes: number
}

/** The job as the run says it, in one thread, with everything kept. */
export function jobOf({ base, adapter, dataset, training, kernels, seed }: RunConfig): JobShape {
  const { dropout = 0, embeddingNoise: embeddings = 0 } = training
  const isNoisy = dropout > 0 || embeddings > 0
  return {
    model: base.shape,
    adapter,
    kernels,
    sequenceLength: dataset.sequenceLength,
    microBatch: training.microBatch,
    threads: 1,
    recomputedLayers: 0,
    streamedLayers: 0,
    hyper: hyperOf(training),
    noise: isNoisy ? { seed, dropout, embeddings } : undefined,
    preference: training.preference,
  }
}

export function hyperOf(training: RunConfig['training']): JobShape['hyper'] {
  const { beta1, beta2, epsilon, weightDecay, gradientClip, ratioMax, rateRatio } = training
  return { beta1, beta2, epsilon, weightDecay, gradientClip, ratioMax, rateRatio }
}

/** @throws ConfigError with the figures when the job does not fit */
export function fitJob(
  config: RunConfig,
  { threads, memoryBytesMax, words = OPTIONS }: JobLimits,
): FittedJob {
  const fit = fitMemory({ ...jobOf(config), threads }, memoryBytesMax)
  if (fit.status === 'fits') return { job: fit.shape, bytes: fit.bytes }
  if (fit.bytes > JOB_BYTES_MAX) {
    throw new ConfigError(
      `Cannot train for this run as it needs ${megabytes(fit.bytes)} of memory, and WebAssembly ` +
        `reaches ${megabytes(JOB_BYTES_MAX)}: shorten its 'sequence_len', lower its 'lora_r', or ` +
        "store its base in fewer bits ('load_in_8bit', 'load_in_4bit')",
    )
  }
  throw new ConfigError(
    `Cannot train for this run as ${words.memory} must be at least ${megabytes(fit.bytes)}: ` +
      `current value is ${megabytes(memoryBytesMax)}. ${words.device}Allow more, or take fewer ` +
      `${words.threads}.`,
  )
}

/** @throws ConfigError when the base is more than may be moved in a day; null: no limit */
export function checkData(base: BlobReference, dataBytesMax: number | null): void {
  if (dataBytesMax === null || base.bytes <= dataBytesMax) return
  throw new ConfigError(
    `Cannot train for this run as '--data-per-day' must be at least ${megabytes(base.bytes)}, ` +
      `which its base model has: current value is ${megabytes(dataBytesMax)}`,
  )
}

/** `861 MB`, and what was done to make it fit. */
export function describeJob(config: RunConfig, { job, bytes }: FittedJob): string {
  const { microBatch, streamedLayers, recomputedLayers, model } = job
  const wanted = config.training.microBatch
  const concessions: string[] = []
  if (microBatch < wanted) concessions.push(`${microBatch} of ${wanted} sequences at a time`)
  if (streamedLayers > 0) {
    concessions.push(`${streamedLayers} of ${model.layerCount} layers read from the disk each time`)
  }
  if (recomputedLayers > 0) {
    concessions.push(`${recomputedLayers} of ${model.layerCount} layers run forward twice`)
  }
  return [megabytes(bytes), ...concessions].join(', ')
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`
}
