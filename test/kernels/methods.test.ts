/** Variants of LoRA: against peft, and the same bits whoever computes them. */
import { expect, test } from 'vitest'
import { newControl } from '../../kernels/control.ts'
import { payloadOf } from '../../kernels/local-job.ts'
import { adapterLayout } from '../../kernels/lora.ts'
import { initialOuterState } from '../../kernels/outer-state.ts'
import { measurePayload, openMerge } from '../../kernels/server-round.ts'
import { newBoard } from '../../kernels/threads.ts'
import { FAIR_TILES } from '../../kernels/tile-template.ts'
import { createTrainer, type JobShape } from '../../kernels/train-step.ts'
import { startThreads } from '../../node/compute/thread-pool.ts'
import { adapterConfig } from '../../node/model/peft-config.ts'
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
import { METHODS, methodVectors } from './method-vectors.ts'

const [reference, wasm] = MACHINES.map(([, create]) => create) as [
  (typeof MACHINES)[number][1],
  (typeof MACHINES)[number][1],
]

for (const name of METHODS) {
  const vectors = methodVectors(name)

  test(`${name}: what peft saved is read, scalar by scalar, and written the same`, () => {
    expect(vectors.read.values).toEqual(vectors.adapter)
    const written = adapterConfig(vectors.job.model, vectors.job.adapter, '')
    const { r, lora_alpha, use_rslora, use_dora, layers_to_transform } = vectors.config
    expect(written).toMatchObject({ r, lora_alpha, use_rslora, use_dora, layers_to_transform })
  })

  for (const [machine, create] of MACHINES) {
    test(`${machine}, ${name}: loss and gradients within 1e-4 of peft, tensor by tensor`, () => {
      const { ops, arena } = create()
      const trainer = createTrainer(ops, arena, vectors.job, vectors.weights)
      trainer.load(vectors.adapter, null)
      const outcome = trainer.gradient(vectors.batch)
      expect(outcome.status === 'ok' && Math.abs(outcome.loss / vectors.loss - 1)).toBeLessThan(
        1e-4,
      )
      const gradient = trainer.meanGradient()
      expect(gradient.length).toBe(vectors.gradients.length)
      for (const { layer, target, part, offset, rows, columns } of trainer.layout.tensors) {
        const own = (values: Float32Array) => values.subarray(offset, offset + rows * columns)
        const error = relativeError(own(gradient), own(vectors.gradients))
        expect(error, `layer ${layer} ${target} ${part}`).toBeLessThan(1e-4)
      }
    })
  }
}

for (const name of ['loraplus', 'dora']) {
  test(`losses of LoRA+ are those of peft's own optimizer, ${name}`, () => {
    const { job, weights, adapter, batch, losses, learningRate } = methodVectors(name)
    const { ops, arena } = wasm()
    const trainer = createTrainer(ops, arena, job, weights)
    trainer.load(adapter, null)
    expect(losses.length).toBeGreaterThan(2)
    for (const [step, loss] of losses.entries()) {
      const outcome = trainer.localStep(batch, learningRate)
      const got = outcome.status === 'ok' ? outcome.loss : Number.NaN
      expect(Math.abs(got / loss - 1), `step ${step}`).toBeLessThan(1e-3)
    }
  })
}

const NOISY: JobShape = { ...TINY, noise: { seed: 2 ** 32 - 1, dropout: 0.25, embeddings: 3 } }
const ADAPTER = randomAdapter(adapterLayout(TINY.model, TINY.adapter), 5)
const BATCHES = [1, 2].map((seed) => ({ ...randomBatch(TINY, 4, seed), number: 2 ** 31 + seed }))

/** The states after each step. */
function statesOf(job: JobShape, create = wasm, batches: readonly object[] = BATCHES) {
  const trainer = newTrainer(create(), job)
  trainer.load(ADAPTER, null)
  return batches.map((batch) => {
    expect(trainer.localStep(batch as (typeof BATCHES)[0], 0.01).status).toBe('ok')
    return trainer.state()
  })
}

for (const [what, change] of [
  ['by the reference', null],
  ['one sequence a micro-batch', { microBatch: 1 }],
  ['a short last micro-batch', { microBatch: 3 }],
  ['layers that run forward twice', { recomputedLayers: 2 }],
  ['room for more threads', { threads: 3 }],
] as const) {
  test(`dropout and noise are the same bits, ${what}`, () => {
    const states = statesOf({ ...NOISY, ...change }, change === null ? reference : wasm)
    expect(states).toEqual(statesOf(NOISY))
  })
}

test('dropout and noise are the same bits on several threads, and with streamed layers', () => {
  const model = { ...TINY.model, layerCount: 4 }
  const whole: JobShape = { ...NOISY, model, adapter: { ...TINY.adapter, layers: [1, 3] } }
  const adapter = randomAdapter(adapterLayout(model, whole.adapter), 5)
  const stateOf = (job: JobShape) => {
    const { ops, arena } = wasm()
    const board = newBoard()
    const crew = { board, isStopping: () => false, feed: null }
    const trainer = createTrainer(ops, arena, job, randomWeights(model, 1), crew)
    const shared = { module: kernelModule, memory: ops.memory, control: newControl(), board }
    const pool = startThreads({
      ...shared,
      job,
      place: trainer.place,
      tiles: FAIR_TILES,
      feed: null,
    })
    trainer.load(adapter, null)
    for (const batch of BATCHES) expect(trainer.localStep(batch, 0.01).status).toBe('ok')
    void pool.close()
    return trainer.state()
  }
  const expected = stateOf(whole)
  expect(stateOf({ ...whole, threads: 3 })).toEqual(expected)
  expect(stateOf({ ...whole, streamedLayers: 3 })).toEqual(expected)
})

for (const [what, job, numbers] of [
  ['another seed', { ...NOISY, noise: { ...NOISY.noise!, seed: 1 } }, [1, 2]],
  ['no dropout', { ...NOISY, noise: { ...NOISY.noise!, dropout: 0 } }, [1, 2]],
  ['no noise', { ...NOISY, noise: { ...NOISY.noise!, embeddings: 0 } }, [1, 2]],
  ['another batch', NOISY, [2, 3]],
] as const) {
  test(`${what} draws something else`, () => {
    const batches = BATCHES.map((batch, i) => ({ ...batch, number: 2 ** 31 + numbers[i]! }))
    expect(statesOf(job, wasm, batches)[0]).not.toEqual(statesOf(NOISY)[0])
  })
}

test('nothing is drawn where nothing is learned: evaluation and writing see all', () => {
  const noisy = newTrainer(wasm(), NOISY)
  const plain = newTrainer(wasm(), TINY)
  for (const trainer of [noisy, plain]) trainer.load(ADAPTER, null)
  noisy.gradient(BATCHES[0]!)
  expect(noisy.evaluate(BATCHES[0]!)).toEqual(plain.evaluate(BATCHES[0]!))
  const tokens = BATCHES[0]!.tokens.subarray(0, 5)
  expect(noisy.logits(tokens)).toEqual(plain.logits(tokens))
})

test('after a step that fails, what is evaluated is not drawn for either', () => {
  const { ops, arena } = wasm()
  let isBroken = false
  const need = () => {
    if (isBroken) throw new Error('the disk is gone')
  }
  const crew = { board: newBoard(), feed: { need }, isStopping: () => false }
  const noisy = createTrainer(ops, arena, NOISY, randomWeights(NOISY.model, 1), crew)
  const plain = newTrainer(wasm(), TINY)
  for (const trainer of [noisy, plain]) trainer.load(ADAPTER, null)
  isBroken = true
  expect(() => noisy.gradient(BATCHES[0]!)).toThrow('the disk is gone')
  isBroken = false
  expect(noisy.evaluate(BATCHES[0]!)).toEqual(plain.evaluate(BATCHES[0]!))
})

test('a batch without a number cannot be drawn for', () => {
  const { number: _, ...batch } = BATCHES[0]!
  expect(() => newTrainer(wasm(), NOISY).localStep(batch, 0.01)).toThrow("'number' must be")
})

for (const [rateRatio, status] of [
  [16, 'counted'],
  [undefined, 'rejected'],
] as const) {
  test(`a delta whose B learned 16 times faster is ${status} at the ratio ${rateRatio}`, () => {
    const { ops, arena } = wasm()
    const hyper = { ...TINY.hyper, rateRatio: 16 }
    const trainer = newTrainer({ ops, arena }, { ...TINY, hyper })
    trainer.load(ADAPTER, null)
    const learningRate = 0.01
    trainer.localStep(BATCHES[0]!, learningRate)
    const kind = { mode: 'delta', codec: 'float32' } as const
    const payload = payloadOf(ops, arena, trainer, { ...kind, adapter: ADAPTER })
    const measured = measurePayload(ops, arena, trainer.layout, kind, payload)
    const merge = openMerge(ops, arena, trainer.layout, initialOuterState('delta', ADAPTER), {
      merge: 'mean',
      uplink: 'float32',
      downlink: 'float32',
      rule: { weightCap: 3, normClip: 2 },
      outer: { learningRate: 1, momentum: 0 },
      inner: { ...TINY.hyper, rateRatio },
      learningRate,
      outerScale: 1,
      findsContrary: false,
      contributions: [{ measured, tokens: 20, steps: 1 }],
    })
    for (let pass = 0; pass < merge.passes; pass++) merge.add([payload])
    const { counted, rejected } = merge.close()
    expect([counted.length, rejected.length]).toEqual(status === 'counted' ? [1, 0] : [0, 1])
  })
}
