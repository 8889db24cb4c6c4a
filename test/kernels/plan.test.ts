/** How a job is made to fit: the fastest way that the memory allows, and the same bits in each. */
import { expect, test } from 'vitest'
import { JOB_BYTES_MAX } from '../../kernels/arena.ts'
import { fitMemory, planMemory } from '../../kernels/plan.ts'
import type { JobShape } from '../../kernels/train-step.ts'
import { MACHINES, newTrainer, randomAdapter, randomBatch, TINY } from './jobs.ts'
import { MODEL_135M } from './model-135m.ts'

const JOB: JobShape = {
  ...TINY,
  model: MODEL_135M,
  adapter: { ...TINY.adapter, adapterRank: 8 },
  kernels: { base: 'int8', path: 'int16' },
  sequenceLength: 256,
  microBatch: 8,
}
const MB = 1e6

type Way = readonly [sequences: number, streamed: number, twice: number]

/** What becomes of the job. */
function check(job: JobShape, bytesMax: number, expected: Way | null): void {
  const fit = fitMemory(job, bytesMax)
  if (fit.status === 'too-large') return expect(expected).toBeNull()
  expect(fit.bytes).toBeLessThanOrEqual(bytesMax)
  expect(fit.bytes).toBe(planMemory(fit.shape).bytes)
  const { microBatch, streamedLayers, recomputedLayers } = fit.shape
  expect([microBatch, streamedLayers, recomputedLayers]).toEqual(expected)
}

for (const [bytesMax, expected] of [
  [4000 * MB, [8, 0, 0]],
  [1500 * MB, [6, 0, 0]],
  [1000 * MB, [4, 0, 0]],
  [400 * MB, [1, 0, 0]],
  [350 * MB, [1, 14, 0]],
  [250 * MB, [1, 30, 9]],
  [150 * MB, [1, 30, 28]],
  [130 * MB, null],
] as const) {
  const said =
    expected === null
      ? 'nothing'
      : `${expected[0]} sequences, ${expected[1]} layers streamed, ${expected[2]} twice`
  test(`in ${bytesMax / MB} MB: ${said}`, () => check(JOB, bytesMax, expected))
}

test('what is too large says the least that it takes, which then fits', () => {
  const fit = fitMemory(JOB, 0)
  if (fit.status === 'fits') throw new Error('it cannot fit in nothing')
  expect(fitMemory(JOB, fit.bytes)).toMatchObject({ status: 'fits', bytes: fit.bytes })
  expect(fitMemory(JOB, fit.bytes - 1)).toEqual(fit)
})

test('no job takes more than a linear memory is', () => {
  const model = { ...MODEL_135M, vocabSize: 2_000_000 }
  const job: JobShape = { ...JOB, model, kernels: { base: 'float32', path: 'float32' } }
  const fit = fitMemory(job, Number.POSITIVE_INFINITY)
  expect(fit.status).toBe('too-large')
  expect(fit.bytes).toBeGreaterThan(JOB_BYTES_MAX)
})

test('whatever the memory allows, the bits are the same', () => {
  const job = { ...TINY, model: { ...TINY.model, layerCount: 4 }, microBatch: 3 }
  const batch = randomBatch(job, 3, 5)
  const shapes = [2, 3, 4].map((recomputedLayers) => ({ ...job, recomputedLayers }))
  const states = [job, ...shapes, { ...job, microBatch: 1, recomputedLayers: 4 }].map((shape) => {
    const trainer = newTrainer(MACHINES[1]![1](), shape)
    trainer.load(randomAdapter(trainer.layout, 4), null)
    expect(trainer.localStep(batch, 0.01).status).toBe('ok')
    return trainer.state()
  })
  for (const state of states) expect(state).toEqual(states[0])
})
