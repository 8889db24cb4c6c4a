/** A small valid RunConfig for tests; parts of it are overridden by name. */
import { digestOf, utf8ToBytes } from '../../protocol/digest.ts'
import { PROTOCOL_VERSION } from '../../protocol/limits.ts'
import { checkRunConfig, type RunConfig } from '../../protocol/run-config.ts'

export const digestOfText = (text: string): string => digestOf(utf8ToBytes(text))

/** Size of the payloads of runs that are only played. */
export const PAYLOAD_BYTES = 1000

export const blobNamed = (text: string) => ({ digest: digestOfText(text), bytes: PAYLOAD_BYTES })

type Overrides = {
  [K in keyof RunConfig]?: RunConfig[K] extends object ? Partial<RunConfig[K]> : RunConfig[K]
}

export function exampleConfig(overrides: Overrides = {}): RunConfig {
  const config: Record<string, unknown> = { ...structuredClone(EXAMPLE) }
  for (const [name, part] of Object.entries(overrides)) {
    const own = config[name]
    config[name] = typeof own === 'object' ? { ...own, ...(part as object) } : part
  }
  return checkRunConfig(config)
}

/** A RunConfig with each field that it may leave out, though some leave no room for others. */
export function fullConfig(): RunConfig {
  const parent = { run: digestOfText('parent'), round: 7 }
  const { adapter, training } = EXAMPLE
  const config = exampleConfig({
    adapter: {
      ...adapter,
      layers: [1],
      scaling: 'rslora',
      exceptions: [{ layer: 1, target: 'q', adapterRank: 2, alpha: 4 }],
      start: { checkpoint: blobNamed('start'), parent },
    },
    training: {
      ...training,
      patience: 3,
      metric: 'acc_norm',
      rateRatio: 16,
      dropout: 0.05,
      embeddingNoise: 5,
    },
    scoring: {
      rows: blobNamed('rows'),
      questions: 4,
      prompts: 2,
      contextTokens: 32,
      everyRounds: 2,
    },
  })
  const preference = {
    loss: 'dpo',
    beta: 0.1,
    labelSmoothing: 0.1,
    targetMargin: 0.5,
    chosenWeight: 1,
    desirableWeight: 1,
    undesirableWeight: 1,
  } as const
  return {
    ...config,
    adapter: { ...config.adapter, variant: 'dora' },
    training: { ...config.training, preference },
  }
}

const EXAMPLE: RunConfig = {
  version: PROTOCOL_VERSION,
  name: 'example',
  seed: 7,
  base: {
    name: 'tiny',
    shape: {
      vocabSize: 512,
      hiddenSize: 64,
      intermediateSize: 128,
      layerCount: 2,
      headCount: 4,
      kvHeadCount: 2,
      headDim: 16,
      ropeTheta: 10_000,
      rmsNormEps: 1e-5,
      tiedHead: true,
      qkvBias: false,
      headNorm: false,
      ropeDivisors: null,
    },
    weights: blobNamed('weights'),
    tokenizer: digestOfText('tokenizer'),
  },
  kernels: { base: 'float32', path: 'float32' },
  adapter: { adapterRank: 4, alpha: 8, targets: ['q', 'v'] },
  dataset: {
    name: 'whale',
    sequenceLength: 32,
    layout: 'stream',
    tokenBytes: 2,
    sequencesPerShard: 64,
    trainSequences: 100,
    trainShards: [blobNamed('shard 0'), blobNamed('shard 1')],
    validationSequences: 8,
    validationShard: blobNamed('validation'),
  },
  training: {
    mode: 'delta',
    batchSequences: 2,
    microBatch: 1,
    batchesMax: 24,
    roundsMax: 10,
    learningRate: 0.01,
    warmupFraction: 0.1,
    schedule: 'cosine',
    finalFraction: 0.1,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 0,
    gradientClip: 1,
    ratioMax: 2,
  },
  round: {
    seconds: 60,
    graceSeconds: 10,
    batchesMax: 12,
    stepsMin: 2,
    stepsMax: 8,
    holdShare: 1,
    quorumFraction: 0.5,
    rejoinSeconds: 20,
  },
  outer: { learningRate: 0.7, momentum: 0.6 },
  aggregation: {
    merge: 'mean',
    uplink: 'int4',
    downlink: 'int8',
    weightCap: 3,
    normClip: 2,
    gate: null,
  },
  admission: { kind: 'link', allowed: null, membersMax: 8, blockMembersMax: null },
  audit: { trust: 'everyone', fullShare: 0.045, lookShare: 0.25, ownShare: 0.1 },
}
