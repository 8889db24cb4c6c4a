/** Tiny jobs for tests: shapes, random bases, batches and adapters, all from a seed. */
import { createHash } from 'node:crypto'
import { type Arena, createArena, newSharedMemory } from '../../kernels/arena.ts'
import { type AdapterLayout, adapterLayout } from '../../kernels/lora.ts'
import type { Ops } from '../../kernels/ops.ts'
import { createReferenceOps } from '../../kernels/ops-reference.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { philox } from '../../kernels/philox.ts'
import { type ModelShape, TARGETS } from '../../kernels/shape.ts'
import { createTrainer, type JobShape, type Trainer } from '../../kernels/train-step.ts'
import { type WeightSource, weightTensors } from '../../kernels/weights.ts'
import { kernelModule } from './kernel-module.ts'

/** An implementation of the ops on a fresh linear memory, and the arena of that memory. */
export interface Machine {
  ops: Ops
  arena: Arena
}

/** Every implementation, each to be made anew by a test. */
export const MACHINES: readonly [name: string, create: () => Machine][] = [
  ['reference', () => machineOf(createReferenceOps)],
  ['wasm', () => machineOf((memory) => createWasmOps(kernelModule, memory))],
]

function machineOf(createOps: (memory: WebAssembly.Memory) => Ops): Machine {
  const memory = newSharedMemory(1)
  return { ops: createOps(memory), arena: createArena(memory) }
}

/** Two layers, grouped queries, and no two sizes alike. */
export const TINY: JobShape = {
  model: {
    vocabSize: 11,
    hiddenSize: 12,
    intermediateSize: 20,
    layerCount: 2,
    headCount: 4,
    kvHeadCount: 2,
    headDim: 4,
    ropeTheta: 100,
    rmsNormEps: 1e-5,
    tiedHead: true,
    qkvBias: false,
    headNorm: false,
    ropeDivisors: null,
  },
  adapter: { adapterRank: 2, alpha: 3, targets: TARGETS },
  sequenceLength: 6,
  microBatch: 2,
  threads: 1,
  recomputedLayers: 0,
  streamedLayers: 0,
  kernels: { base: 'float32', path: 'float32' },
  hyper: {
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 0,
    gradientClip: 1,
    ratioMax: 2,
  },
}

export const TINY_LAYOUT: AdapterLayout = adapterLayout(TINY.model, TINY.adapter)

/** An A and a B of one scalar each. */
export const PAIR_LAYOUT: AdapterLayout = {
  count: 2,
  tensors: (['A', 'B'] as const).map((part, offset) => ({
    layer: 0,
    target: 'q',
    part,
    rows: 1,
    columns: 1,
    offset,
    scale: 1,
  })),
}

export interface Batch {
  tokens: Int32Array
  targets: Int32Array
}

/** Numbers of ±amplitude. */
export function randomFloats(count: number, amplitude: number, seed: number): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, i) => amplitude * (2 * (randomWord(i, seed) / 2 ** 32) - 1),
  )
}

/** Weights around 0, norms around 1. */
export function randomWeights(model: ModelShape, seed: number): WeightSource {
  const names = weightTensors(model).map(({ name }) => name)
  return {
    tensor(name) {
      const index = names.indexOf(name)
      const { shape } = weightTensors(model)[index]!
      const count = shape.reduce((product, size) => product * size, 1)
      const values = randomFloats(count, 0.6, 100 * seed + index)
      return { shape, values: name.includes('norm') ? values.map((value) => 1 + value) : values }
    },
  }
}

/** One token in six has no target. */
export function randomBatch({ model, sequenceLength }: JobShape, sequences: number, seed: number) {
  const count = sequences * sequenceLength
  const draw = (i: number) => randomWord(i, seed) % model.vocabSize
  const tokens = Int32Array.from({ length: count }, (_, i) => draw(i))
  const targets = Int32Array.from({ length: count }, (_, i) => (i % 6 === 5 ? -1 : draw(count + i)))
  return { tokens, targets }
}

/** An adapter whose B is not zero, so that A has a gradient. */
export function randomAdapter(layout: AdapterLayout, seed: number): Float32Array {
  return randomFloats(layout.count, 0.4, seed)
}

export function newTrainer({ ops, arena }: Machine, job: JobShape = TINY): Trainer {
  return createTrainer(ops, arena, job, randomWeights(job.model, 1))
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** |a - b| / |b| in the Euclidean norm. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0
  let size = 0
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2
    size += b[i]! ** 2
  }
  return Math.sqrt(difference / size)
}

function randomWord(i: number, seed: number): number {
  return philox([seed, 0x7e57], [i >>> 2, 0, 0, 0])[i & 3]!
}
