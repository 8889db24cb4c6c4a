/** DoRA: starts as the base, is what its merged weights are, and the same bits whoever computes. */
import { expect, test } from 'vitest'
import { createGenerator } from '../../kernels/generator.ts'
import { adapterLayout, initialAdapter } from '../../kernels/lora.ts'
import { createTrainer, type JobShape } from '../../kernels/train-step.ts'
import { mergedWeights } from '../../node/export/merge.ts'
import {
  MACHINES,
  newTrainer,
  randomAdapter,
  randomBatch,
  randomWeights,
  relativeError,
  TINY,
} from './jobs.ts'

const [reference, wasm] = MACHINES.map(([, create]) => create) as [
  (typeof MACHINES)[number][1],
  (typeof MACHINES)[number][1],
]
const model = { ...TINY.model, layerCount: 4 }
const DORA: JobShape = { ...TINY, model, adapter: { ...TINY.adapter, variant: 'dora' } }
const LAYOUT = adapterLayout(DORA.model, DORA.adapter)
const ADAPTER = randomAdapter(LAYOUT, 5)
const BATCHES = [1, 2].map((seed) => randomBatch(DORA, 4, seed))
const WEIGHTS = randomWeights(model, 1)

function statesOf(job: JobShape, create = wasm) {
  const trainer = newTrainer(create(), job)
  trainer.load(ADAPTER, null)
  return BATCHES.map((batch) => {
    expect(trainer.localStep(batch, 0.01).status).toBe('ok')
    return trainer.state()
  })
}

const STATES = statesOf(DORA)

for (const [what, change] of [
  ['by the reference', null],
  ['one sequence a micro-batch', { microBatch: 1 }],
  ['layers that run forward twice', { recomputedLayers: 4 }],
  ['streamed layers', { streamedLayers: 4 }],
  ['room for more threads', { threads: 3 }],
] as const) {
  test(`magnitudes are the same bits, ${what}`, () => {
    expect(statesOf({ ...DORA, ...change }, change === null ? reference : wasm)).toEqual(STATES)
  })
}

function logitsOf(job: JobShape, adapter: Float32Array, weights = WEIGHTS): Float32Array {
  const { ops, arena } = wasm()
  const trainer = createTrainer(ops, arena, job, weights)
  trainer.load(adapter, null)
  return trainer.logits(BATCHES[0]!.tokens.subarray(0, 6))
}

test('it starts as the base, bit for bit', () => {
  const plain = logitsOf(DORA, new Float32Array(LAYOUT.count))
  const base = { ...DORA, adapter: TINY.adapter }
  expect(plain).toEqual(logitsOf(base, new Float32Array(adapterLayout(model, TINY.adapter).count)))
  expect(logitsOf(DORA, initialAdapter(LAYOUT, 3))).toEqual(plain)
})

test('the merged base computes the same', () => {
  const merged = mergedWeights(WEIGHTS, { model, adapter: DORA.adapter, values: ADAPTER })
  const own = logitsOf(DORA, ADAPTER)
  expect(relativeError(logitsOf(DORA, new Float32Array(LAYOUT.count), merged), own)).toBeLessThan(
    1e-5,
  )
  expect(relativeError(logitsOf(DORA, new Float32Array(LAYOUT.count)), own)).toBeGreaterThan(0.1)
})

test('a generator says what a trainer does', () => {
  const { ops, arena } = wasm()
  const { adapter, kernels } = DORA
  const generator = createGenerator(ops, arena, { model, adapter, kernels, contextMax: 6 }, WEIGHTS)
  generator.load(ADAPTER)
  expect(generator.extend(BATCHES[0]!.tokens.subarray(0, 6))).toEqual(logitsOf(DORA, ADAPTER))
})
