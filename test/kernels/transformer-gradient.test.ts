/**
 * The backward of the whole decoder against finite differences of its loss, tensor by tensor.
 *
 * Along a direction d of unit length the slope of the loss is g·d. Losses are float32 inside, so
 * the step is large, and a second one of half the size removes its cubic error (Richardson).
 */
import { expect, test } from 'vitest'
import { adapterLayout } from '../../kernels/lora.ts'
import type { JobShape, Trainer } from '../../kernels/train-step.ts'
import {
  type Batch,
  MACHINES,
  newTrainer,
  randomAdapter,
  randomBatch,
  randomFloats,
  TINY,
} from './jobs.ts'

const STEP = 0.05
const TOLERANCE = 2e-3

for (const [machine, create] of MACHINES) {
  for (const [what, change] of [
    ['grouped queries and a tied head', {}],
    ['one query head a key head, untied', { kvHeadCount: 4, tiedHead: false }],
    ['all queries on one key head', { kvHeadCount: 1 }],
    ['three layers', { layerCount: 3 }],
    [
      'biases, normed heads, slowed positions',
      { qkvBias: true, headNorm: true, ropeDivisors: [1, 3] },
    ],
  ] as const) {
    const job: JobShape = { ...TINY, model: { ...TINY.model, ...change } }

    test(`${machine}: the gradient of every tensor is the slope of the loss, ${what}`, () => {
      const trainer = newTrainer(create(), job)
      const adapter = randomAdapter(adapterLayout(job.model, job.adapter), 21)
      const batch = randomBatch(job, 2, 22)
      trainer.load(adapter, null)
      trainer.gradient(batch)
      const gradient = trainer.meanGradient()
      for (const [index, tensor] of trainer.layout.tensors.entries()) {
        const { layer, target, part, offset, rows, columns } = tensor
        const direction = unit(randomFloats(rows * columns, 1, 300 + index))
        const expected = slope(trainer, adapter, batch, offset, direction)
        const got = direction.reduce((sum, value, i) => sum + value * gradient[offset + i]!, 0)
        const what = `layer ${layer} ${target} ${part}: ${got} against ${expected}`
        expect(Math.abs(got - expected), what).toBeLessThan(TOLERANCE * (0.05 + Math.abs(expected)))
      }
    })
  }
}

function unit(values: Float32Array): Float32Array {
  const length = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0))
  return values.map((value) => value / length)
}

function slope(
  trainer: Trainer,
  adapter: Float32Array,
  { tokens, targets }: Batch,
  offset: number,
  direction: Float32Array,
): number {
  const lossAt = (step: number) => {
    const moved = adapter.slice()
    for (const [i, value] of direction.entries()) moved[offset + i]! += step * value
    trainer.load(moved, null)
    const { lossSum, targetTokens } = trainer.evaluate({ tokens, targets })
    return lossSum / targetTokens
  }
  const central = (step: number) => (lossAt(step) - lossAt(-step)) / (2 * step)
  return (4 * central(STEP / 2) - central(STEP)) / 3
}
