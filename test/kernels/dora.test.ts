/**
 * DoRA: starts as the base, is what its merged weights are, learns as peft's does (methods.test.ts
 * has its gradients), and gives the same bits whoever computes.
 */
import { expect, test } from 'vitest'
import { BLOCK_KINDS } from '../../kernels/blocks.ts'
import { newControl } from '../../kernels/control.ts'
import { createGenerator } from '../../kernels/generator.ts'
import { adapterLayout, initialAdapter } from '../../kernels/lora.ts'
import { philox } from '../../kernels/philox.ts'
import { planMemory } from '../../kernels/plan.ts'
import { ShapeError } from '../../kernels/shape.ts'
import { newBoard } from '../../kernels/threads.ts'
import { FAIR_TILES } from '../../kernels/tile-template.ts'
import { createTrainer, type JobShape } from '../../kernels/train-step.ts'
import type { WeightSource } from '../../kernels/weights.ts'
import { startThreads } from '../../node/compute/thread-pool.ts'
import { mergedWeights } from '../../node/export/merge.ts'
import { blockWeights, kindsInTurn, type Words } from './block-weights.ts'
import {
  MACHINES,
  newTrainer,
  randomAdapter,
  randomBatch,
  randomWeights,
  relativeError,
  TINY,
} from './jobs.ts'
import { kernelModule } from './kernel-module.ts'
import { methodVectors } from './method-vectors.ts'

const [reference, wasm] = MACHINES.map(([, create]) => create) as [
  (typeof MACHINES)[number][1],
  (typeof MACHINES)[number][1],
]

const draw: Words = (count, seed) =>
  Uint32Array.from({ length: count }, (_, i) => philox([seed, 5], [i >>> 2, 0, 0, 0])[i & 3]!)

/** A layer without an adapter, a group that has it in part, and a rank of its own. */
const PART: JobShape['adapter'] = {
  ...TINY.adapter,
  variant: 'dora',
  targets: ['q', 'v', 'o', 'up', 'down'],
  layers: [0, 2, 3],
  scaling: 'rslora',
  exceptions: [{ layer: 2, target: 'v', adapterRank: 4, alpha: 5 }],
}
const PART_JOB: JobShape = { ...TINY, model: { ...TINY.model, layerCount: 4 }, adapter: PART }

/** Rows that every kind of block fills. */
const LARGER = {
  ...TINY.model,
  hiddenSize: 256,
  intermediateSize: 256,
  headCount: 4,
  kvHeadCount: 2,
  headDim: 64,
}

/** Where answers are rated, each half of a sequence is one, and every other one is rejected. */
function batchOf(job: JobShape, seed: number) {
  const batch = randomBatch(job, 4, seed)
  if (job.preference === undefined) return batch
  const starts = Int32Array.from({ length: 8 }, (_, answer) => (answer * job.sequenceLength) / 2)
  return { ...batch, starts, rejected: starts.filter((_, answer) => answer % 2 === 1) }
}

/** The states after each of two steps. */
function statesOf(
  job: JobShape,
  { create = wasm, weights = randomWeights(job.model, 1) } = {},
): Uint8Array[] {
  const { ops, arena } = create()
  const board = newBoard()
  const trainer = createTrainer(ops, arena, job, weights, {
    board,
    isStopping: () => false,
    feed: null,
  })
  const shared = { module: kernelModule, memory: ops.memory, control: newControl(), board }
  const pool = startThreads({ ...shared, job, place: trainer.place, tiles: FAIR_TILES, feed: null })
  trainer.load(randomAdapter(trainer.layout, 5), null)
  const states = [1, 2].map((seed) => {
    expect(trainer.localStep(batchOf(job, seed), 0.01).status).toBe('ok')
    return trainer.state()
  })
  void pool.close()
  return states
}

const MADE: readonly (readonly [what: string, job: Partial<JobShape>])[] = [
  ...(['float32', 'bfloat16', 'float16'] as const).map(
    (base) => [`a base in ${base}`, { kernels: { base, path: 'float32' } }] as const,
  ),
  ['a base in int8, in integers', { kernels: { base: 'int8', path: 'int16' } }],
  ['rated answers, beside a reference', { preference: { loss: 'dpo', beta: 0.5 } }],
]
const WAYS: readonly (readonly [what: string, change: Partial<JobShape> | null])[] = [
  ['by the reference', null],
  ['four threads', { threads: 4 }],
  ['streamed layers', { streamedLayers: 4 }],
  ['one sequence a micro-batch, layers twice', { microBatch: 1, recomputedLayers: 4 }],
]
for (const [made, own] of MADE) {
  const job = { ...PART_JOB, ...own }
  const states = statesOf(job)
  for (const [way, change] of WAYS) {
    test(`the same bits, ${made}: ${way}`, () => {
      const create = change === null ? reference : wasm
      expect(statesOf({ ...job, ...change }, { create })).toEqual(states)
    })
  }
}

test('the same bits on a base in blocks as on the same base in float32', () => {
  const kinds = kindsInTurn(LARGER, [...BLOCK_KINDS, 'float32'])
  const weights = blockWeights(LARGER, kinds, randomWeights(LARGER, 3), draw)
  const adapter: JobShape['adapter'] = { ...TINY.adapter, variant: 'dora' }
  const job: JobShape = { ...TINY, model: LARGER, adapter }
  const blocks: JobShape = { ...job, kernels: { base: 'blocks', path: 'float32', kinds } }
  const states = statesOf(job, { weights })
  expect(statesOf({ ...blocks, recomputedLayers: 2 }, { weights })).toEqual(states)
  expect(statesOf({ ...blocks, threads: 4 }, { weights })).toEqual(states)
})

/** Biases and normed heads come after the magnitudes. */
const MODEL = { ...TINY.model, qkvBias: true, headNorm: true }
const DORA: JobShape = { ...TINY, model: MODEL, adapter: { ...TINY.adapter, variant: 'dora' } }
const LAYOUT = adapterLayout(MODEL, DORA.adapter)
const ADAPTER = randomAdapter(LAYOUT, 5)
const WEIGHTS = randomWeights(MODEL, 1)
const TOKENS = randomBatch(DORA, 1, 1).tokens

function logitsOf(job: JobShape, adapter: Float32Array, weights: WeightSource = WEIGHTS) {
  const { ops, arena } = wasm()
  const trainer = createTrainer(ops, arena, job, weights)
  trainer.load(adapter, null)
  return trainer.logits(TOKENS)
}

test('it starts as the base, bit for bit', () => {
  const plain = adapterLayout(MODEL, TINY.adapter)
  const ofBase = logitsOf({ ...DORA, adapter: TINY.adapter }, initialAdapter(plain, 3))
  expect(logitsOf(DORA, initialAdapter(LAYOUT, 3))).toEqual(ofBase)
})

test('the merged base computes the same', () => {
  const merged = mergedWeights(WEIGHTS, { model: MODEL, adapter: DORA.adapter, values: ADAPTER })
  const [own, none] = [logitsOf(DORA, ADAPTER), new Float32Array(LAYOUT.count)]
  expect(relativeError(logitsOf(DORA, none, merged), own)).toBeLessThan(1e-5)
  expect(relativeError(logitsOf(DORA, none), own)).toBeGreaterThan(0.1)
})

test('a generator says what a trainer does, also once another adapter is loaded', () => {
  const { ops, arena } = wasm()
  const { adapter, kernels } = DORA
  const shape = { model: MODEL, adapter, kernels, contextMax: TOKENS.length }
  const generator = createGenerator(ops, arena, shape, WEIGHTS)
  for (const values of [ADAPTER, randomAdapter(LAYOUT, 6)]) {
    generator.load(values)
    expect(generator.extend(TOKENS)).toEqual(logitsOf(DORA, values))
  }
})

for (const name of ['dora', 'dora-patterns']) {
  test(`${name}: logits within 1e-4 of peft's`, () => {
    const { job, weights, read, batch, logits } = methodVectors(name)
    const { ops, arena } = wasm()
    const trainer = createTrainer(ops, arena, job, weights)
    trainer.load(read.values, null)
    const got = trainer.logits(batch.tokens.subarray(0, job.sequenceLength))
    expect(relativeError(got, logits!)).toBeLessThan(1e-4)
  })
}

test('a row that is zero stays zero, and learns nothing', () => {
  const weights: WeightSource = {
    tensor: (name) => {
      const { shape, values } = WEIGHTS.tensor(name)
      return { shape, values: name.includes('o_proj') ? values.fill(0, 0, shape[1]) : values }
    },
  }
  const { ops, arena } = wasm()
  const trainer = createTrainer(ops, arena, DORA, weights)
  trainer.load(initialAdapter(LAYOUT, 3), null)
  expect(trainer.gradient(randomBatch(DORA, 2, 1)).status).toBe('ok')
  const gradient = trainer.meanGradient()
  const learning = LAYOUT.tensors.filter(({ target, part }) => target === 'o' && part !== 'A')
  expect(learning.length).toBe(2 * MODEL.layerCount)
  for (const { offset, rows, columns } of learning) {
    const own = gradient.subarray(offset, offset + rows * columns)
    expect(own.findIndex((value) => value !== 0)).toBe(columns)
  }
})

test('it takes the memory of the plan: y before it is scaled, dy after, and the norms', () => {
  const { hiddenSize: D, intermediateSize: F, headDim: E, headCount: H, kvHeadCount: G } = MODEL
  const outputs = (H + 2 * G) * E + D + 2 * F + D
  const T = DORA.microBatch * DORA.sequenceLength
  const { ops, arena } = wasm()
  const before = arena.top
  newTrainer({ ops, arena }, DORA)
  const { buffers, bytes } = planMemory(DORA)
  expect(arena.top - before).toBe(bytes)
  const bytesOf = (pattern: RegExp) =>
    buffers.filter(({ name }) => pattern.test(name)).reduce((sum, one) => sum + one.bytes, 0)
  const padding = (count: number) => count * 64
  const sizes = [
    [/^layers\.\d\.\w+\.raw$/, 2 * 4 * T * outputs],
    [/^scratch\.\w+\.du$/, 4 * T * outputs],
    [/^layers\.\d\.\w+\.magnitudes$/, 2 * 2 * 4 * outputs],
  ] as const
  for (const [pattern, expected] of sizes) {
    expect(bytesOf(pattern)).toBeGreaterThanOrEqual(expected)
    expect(bytesOf(pattern)).toBeLessThanOrEqual(expected + padding(8))
  }
  const { buffers: plain } = planMemory({ ...DORA, adapter: TINY.adapter })
  expect(
    plain.filter(({ name, bytes }) => /\.raw$|du$|magn|direc/.test(name) && bytes > 0),
  ).toEqual([])
})

test('norms are made once a step, however many micro-batches it has', () => {
  const normsOf = (microBatch: number) => {
    const { ops, arena } = wasm()
    let count = 0
    const counting = {
      ...ops,
      sumSquares: (x: number, n: number) => {
        count += 1
        return ops.sumSquares(x, n)
      },
    }
    const trainer = newTrainer({ ops: counting, arena }, { ...DORA, microBatch })
    trainer.load(ADAPTER, null)
    return [1, 2].map((seed) => {
      count = 0
      trainer.localStep(randomBatch(DORA, 4, seed), 0.01)
      return count
    })
  }
  const rows = LAYOUT.tensors.filter(({ part }) => part === 'M').reduce((n, one) => n + one.rows, 0)
  // One more is the norm of the gradient.
  expect(normsOf(4)).toEqual([2 * rows + 1, 2 * rows + 1])
  expect(normsOf(1)).toEqual(normsOf(4))
})

test('dropout is refused: peft applies it to more than what A reads', () => {
  const noise = { seed: 1, dropout: 0.1, embeddings: 0 }
  expect(() => newTrainer(wasm(), { ...DORA, noise })).toThrow(ShapeError)
  expect(() => newTrainer(wasm(), { ...DORA, noise })).toThrow("'dropout' is not drawn where")
})
