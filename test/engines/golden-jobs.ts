/**
 * Jobs of real sizes whose bits are frozen in test/vectors/jobs.json: 32 steps on the embedded
 * base, and two at the sizes of a model of 135M parameters. Pure, so that every engine can run
 * them.
 */
import type { Arena } from '../../kernels/arena.ts'
import type { Batch } from '../../kernels/batch.ts'
import { BLOCK_KINDS } from '../../kernels/blocks.ts'
import { type FeedBoard, sharedFeed } from '../../kernels/feed.ts'
import type { BaseKernels } from '../../kernels/frozen-base.ts'
import type { Ops, Pointer } from '../../kernels/ops.ts'
import type { Preference } from '../../kernels/preference.ts'
import { type AdapterShape, type ModelShape, TARGETS } from '../../kernels/shape.ts'
import { type Board, newBoard } from '../../kernels/threads.ts'
import { createTrainer, type JobShape } from '../../kernels/train-step.ts'
import { type WeightSource, weightTensors } from '../../kernels/weights.ts'
import { weightsFromBytes } from '../../node/model/base-weights.ts'
import { type Digest, digestOf } from '../../protocol/digest.ts'
import { blockWeights, kindsInTurn } from '../kernels/block-weights.ts'
import { MODEL_135M } from '../kernels/model-135m.ts'

export const EMBEDDED_SHAPE: ModelShape = {
  vocabSize: 2048,
  hiddenSize: 192,
  intermediateSize: 512,
  layerCount: 5,
  headCount: 6,
  kvHeadCount: 3,
  headDim: 32,
  ropeTheta: 10_000,
  rmsNormEps: 1e-5,
  tiedHead: true,
  qkvBias: false,
  headNorm: false,
  ropeDivisors: null,
}

export interface GoldenJob {
  name: string
  model: ModelShape
  kernels: BaseKernels
  sequences: number
  sequenceLength: number
  steps: number
  /** Each sequence is then a pair of answers. */
  preference?: Preference
  variant?: AdapterShape['variant']
}

const FLOAT32: BaseKernels = { base: 'float32', path: 'float32' }
const INT16: BaseKernels = { base: 'int8', path: 'int16' }

/** They are of every kind, and of several in each group of layers. */
const KINDS = kindsInTurn(EMBEDDED_SHAPE, ['float32', ...BLOCK_KINDS])
const BLOCKS: BaseKernels = { base: 'blocks', path: 'float32', kinds: KINDS }

const INT16_BLOCKS: BaseKernels = { ...BLOCKS, path: 'int16' }

const DPO: Preference = { loss: 'dpo', beta: 0.5 }

const embedded = { model: EMBEDDED_SHAPE, sequences: 4, sequenceLength: 32, steps: 32 }
const large = { model: MODEL_135M, sequences: 2, sequenceLength: 24, steps: 2 }

/** Each takes a second or two; those of 135M also a gigabyte. */
export const GOLDEN_JOBS: readonly GoldenJob[] = [
  { name: 'embedded, float32', kernels: FLOAT32, ...embedded },
  { name: 'embedded, int16', kernels: INT16, ...embedded },
  { name: 'embedded sizes, blocks', kernels: BLOCKS, ...embedded, steps: 4 },
  { name: 'embedded sizes, int16 blocks', kernels: INT16_BLOCKS, ...embedded, steps: 4 },
  { name: 'embedded, dpo', kernels: FLOAT32, ...embedded, steps: 4, preference: DPO },
  { name: 'embedded, dora', kernels: FLOAT32, ...embedded, steps: 8, variant: 'dora' },
  { name: '135M, float32', kernels: FLOAT32, ...large },
  { name: '135M, int16', kernels: INT16, ...large },
]

export const SMALL_JOBS = GOLDEN_JOBS.filter(({ name }) => name.startsWith('embedded'))

export interface Room {
  ops: Ops
  arena: Arena
  /** The bytes of the embedded base's model.safetensors. */
  weights: Uint8Array
  threads: number
  /** So many layers are streamed. Absent: none. */
  streamedLayers?: number
  /** Where another thread reads them; null: the trainer's own does. */
  feed?: FeedBoard | null
  /** Starts the other threads, and returns what ends them. */
  help(work: { job: JobShape; place: Pointer; board: Board; feed: FeedBoard | null }): () => void
}

/** SHA-256 of the trainer's state after the last step. */
export function jobDigest(golden: GoldenJob, room: Room): Digest {
  const { ops, arena, weights, threads, help, streamedLayers = 0, feed = null } = room
  const { model, steps } = golden
  const job = { ...shapeOfJob(golden, threads), streamedLayers }
  const base = baseOf(golden, weights)
  const board = newBoard()
  const layers = feed && sharedFeed(feed, model.layerCount - streamedLayers)
  const crew = { board, feed: layers, isStopping: () => false }
  const trainer = createTrainer(ops, arena, job, base, crew)
  const end = help({ job, place: trainer.place, board, feed })
  trainer.load(firstAdapter(trainer.layout.count), null)
  for (let step = 0; step < steps; step++) {
    const outcome = trainer.localStep(batchOfStep(golden, step), 1e-3)
    if (outcome.status !== 'ok') throw new Error(`step ${step} is ${outcome.status}`)
  }
  end()
  return digestOf(trainer.state())
}

function baseOf({ name, model }: GoldenJob, weights: Uint8Array): WeightSource {
  if (name.endsWith('blocks')) return blockWeights(model, KINDS, randomWeights(model), words)
  return model === EMBEDDED_SHAPE ? weightsFromBytes(model, weights) : randomWeights(model)
}

export function shapeOfJob(golden: GoldenJob, threads: number): JobShape {
  const { model, kernels, sequences, sequenceLength, preference, variant } = golden
  return {
    model,
    kernels,
    preference,
    sequenceLength,
    threads,
    microBatch: sequences,
    recomputedLayers: 0,
    streamedLayers: 0,
    adapter: { adapterRank: 8, alpha: 16, targets: TARGETS, variant },
    hyper: {
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-8,
      weightDecay: 0.01,
      gradientClip: 1,
      ratioMax: 2,
    },
  }
}

export const firstAdapter = (count: number): Float32Array => floats(count, 0.02, 1)

export function batchOfStep(golden: GoldenJob, step: number): Batch {
  const count = golden.sequences * golden.sequenceLength
  const tokens = ids(count, golden.model.vocabSize, 10 + step)
  const targets = tokens.map((_, i) => (i % 7 === 6 ? -1 : tokens[(i + 1) % count]!))
  if (golden.preference === undefined) return { tokens, targets }
  const half = golden.sequenceLength / 2
  const starts = Int32Array.from({ length: count / half }, (_, answer) => answer * half)
  return { tokens, targets, starts, rejected: starts.filter((_, answer) => answer % 2 === 1) }
}

function randomWeights(model: ModelShape): WeightSource {
  const tensors = weightTensors(model)
  return {
    tensor(name) {
      const index = tensors.findIndex((tensor) => tensor.name === name)
      const { shape } = tensors[index]!
      const count = shape.reduce((product, size) => product * size, 1)
      const values = floats(count, name.includes('norm') ? 0.2 : 0.05, 1000 + index)
      return { shape, values: name.includes('norm') ? values.map((value) => 1 + value) : values }
    },
  }
}

/** Multiples of 2^-23 of the amplitude, in (-amplitude, amplitude). */
function floats(count: number, amplitude: number, seed: number): Float32Array {
  return Float32Array.from(words(count, seed), (word) => amplitude * ((word >>> 8) / 2 ** 23 - 1))
}

function ids(count: number, vocabSize: number, seed: number): Int32Array {
  return Int32Array.from(words(count, seed), (word) => word % vocabSize)
}

/** Random words: an integer hash of their index. */
function words(count: number, seed: number): Uint32Array {
  const all = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    let word = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b)
    word = Math.imul(word ^ (word >>> 16), 0x7feb352d)
    word = Math.imul(word ^ (word >>> 15), 0x846ca68b)
    all[i] = word ^ (word >>> 16)
  }
  return all
}
