/**
 * The run that is simulated unless another one is given: a model of 135 million parameters with
 * adapters of rank 8, product defaults, no end but the horizon's. Sizes on the wire are those that
 * the kernels make of it.
 */

import { adapterLayout, encodedBytes, momentBytes, payloadBytes } from '../kernels/index.ts'
import {
  BATCHES_MAX,
  checkRunConfig,
  MEMBERS_MAX,
  PROTOCOL_VERSION,
  ROUNDS_MAX,
  type RunConfig,
  UPLOAD_SLOTS,
} from '../protocol/index.ts'
import { ENERGY_RATES } from './energy.ts'
import type { Sizes } from './learning.ts'
import { digestOfText } from './work-done.ts'
import type { WorldOptions } from './world.ts'

const blob = (name: string, bytes: number) => ({ digest: digestOfText(name), bytes })

export const DEFAULT_RUN: RunConfig = {
  version: PROTOCOL_VERSION,
  name: 'simulated',
  seed: 42,
  base: {
    name: '135m',
    shape: {
      vocabSize: 49_152,
      hiddenSize: 576,
      intermediateSize: 1536,
      layerCount: 30,
      headCount: 9,
      kvHeadCount: 3,
      headDim: 64,
      ropeTheta: 10_000,
      rmsNormEps: 1e-5,
      tiedHead: true,
      qkvBias: false,
      headNorm: false,
      ropeDivisors: null,
    },
    weights: blob('weights', 269_000_000),
    tokenizer: digestOfText('tokenizer'),
  },
  kernels: { base: 'int8', path: 'int16' },
  adapter: {
    adapterRank: 8,
    alpha: 16,
    targets: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'],
  },
  dataset: {
    name: 'simulated',
    sequenceLength: 256,
    layout: 'stream',
    tokenBytes: 2,
    sequencesPerShard: 65_536,
    trainSequences: 65_536,
    trainShards: [blob('shard', 2 ** 25)],
    validationSequences: 256,
    validationShard: blob('validation', 2 ** 17),
  },
  training: {
    mode: 'delta',
    batchSequences: 4,
    microBatch: 4,
    batchesMax: BATCHES_MAX,
    roundsMax: ROUNDS_MAX,
    learningRate: 1e-3,
    warmupFraction: 0,
    schedule: 'constant',
    finalFraction: 1,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 0,
    gradientClip: 1,
    ratioMax: 2,
  },
  round: {
    seconds: 600,
    graceSeconds: 60,
    batchesMax: BATCHES_MAX,
    stepsMin: 1,
    stepsMax: 16,
    holdShare: 0.1,
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
  admission: { kind: 'open', allowed: null, membersMax: MEMBERS_MAX, blockMembersMax: null },
  audit: { trust: 'friends', fullShare: 0.045, lookShare: 0.25, ownShare: 0.1 },
}

/** A run with some of its parts changed. */
export function runWith(
  changes: { [K in keyof RunConfig]?: Partial<RunConfig[K]> },
  usual = DEFAULT_RUN,
): RunConfig {
  const config: Record<string, unknown> = { ...usual }
  for (const [name, part] of Object.entries(changes)) {
    const own = config[name]
    config[name] = typeof own === 'object' ? { ...own, ...(part as object) } : part
  }
  return checkRunConfig(config)
}

export function sizesOf(config: RunConfig): Sizes {
  const { training, aggregation } = config
  const layout = adapterLayout(config.base.shape, config.adapter)
  return {
    payload: payloadBytes(training.mode, aggregation.uplink, layout),
    update: encodedBytes(aggregation.downlink, layout.count),
    checkpoint: 4 * layout.count,
    moment: training.mode === 'delta' ? momentBytes(layout) : 0,
  }
}

/** The figure of `node/network/limits.ts`. */
const DOWNLOAD_SLOTS = 64

/** Measured by test/bench/merge.ts: 2.4 million scalars in int4, two busy cores of 2.4 GHz. */
const MERGE = { measureMs: 9, mergeMs: 1100, mergeContributionMs: 4.6 }

/** What a lease takes besides its steps: the median in the demo's journal. */
const LEASE_MS = 30

/** The coordinator's machine is one like the volunteers'. */
const OWN_STEP_MS = 12_000

export function defaultWorld(config: RunConfig): WorldOptions {
  return {
    linkMbit: 1000,
    relayMbit: 1000,
    uploadSlots: UPLOAD_SLOTS,
    downloadSlots: DOWNLOAD_SLOTS,
    ...MERGE,
    evaluateMs: 60_000,
    setUpMs: 2_000,
    prepareMs: 100,
    leaseMs: LEASE_MS,
    ownStepMs: OWN_STEP_MS,
    ...ENERGY_RATES,
    baseBytes: config.base.weights.bytes,
    basesCached: true,
    sizes: sizesOf(config),
  }
}
