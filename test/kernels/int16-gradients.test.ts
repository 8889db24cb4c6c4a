/**
 * What the integer path costs in a gradient, on weights as trained models have them: most channels
 * alike, a few of the hidden ones up to a hundred times as loud. Storing the weights in int8 is not
 * what is measured here: docs/kernels.md says what that costs. Nor is what blocks do: those of a
 * gradient on the integer path are those of the gradient that it is compared with.
 */
import { expect, test } from 'vitest'
import type { BaseKernels } from '../../kernels/frozen-base.ts'
import type { BlockKind } from '../../kernels/ops.ts'
import { quantiseBlocks } from '../../kernels/quantise-blocks.ts'
import type { ModelShape } from '../../kernels/shape.ts'
import { createTrainer, type JobShape } from '../../kernels/train-step.ts'
import { type WeightSource, weightMatrices, weightTensors } from '../../kernels/weights.ts'
import { MACHINES, randomBatch, randomFloats, TINY } from './jobs.ts'

const MODEL: ModelShape = {
  ...TINY.model,
  vocabSize: 256,
  hiddenSize: 128,
  intermediateSize: 352,
  layerCount: 6,
  headCount: 4,
  kvHeadCount: 2,
  headDim: 32,
}
const LOUD_CHANNELS = [5, 70]

/**
 * Rows of unit gain; the norms make some channels loud, and the columns that read them are as much
 * quieter, as training leaves them.
 */
function weightsWith(loudness: number, model: ModelShape) {
  const tensors = weightTensors(model)
  return {
    tensor(name: string) {
      const index = tensors.findIndex((tensor) => tensor.name === name)
      const { shape } = tensors[index]!
      const [rows, columns] = shape.length === 1 ? [1, shape[0]!] : [shape[0]!, shape[1]!]
      const isNorm = shape.length === 1
      const amplitude = isNorm ? 0.1 : Math.sqrt(3 / columns)
      const values = randomFloats(rows * columns, amplitude, 1000 + index)
      for (let i = 0; i < values.length; i++) {
        const isLoud = columns === model.hiddenSize && LOUD_CHANNELS.includes(i % columns)
        if (isNorm) values[i] = (isLoud ? loudness : 1) * (1 + values[i]!)
        else if (isLoud && !name.includes('embed')) values[i] = values[i]! / loudness
      }
      return { shape, values }
    },
  }
}

function gradientOf(
  kernels: BaseKernels,
  loudness: number,
  model = MODEL,
  weights: WeightSource = weightsWith(loudness, model),
): Float32Array {
  const { ops, arena } = MACHINES[1]![1]()
  const job: JobShape = { ...TINY, model, kernels, sequenceLength: 64, microBatch: 2 }
  const trainer = createTrainer(ops, arena, job, weights)
  trainer.load(randomFloats(trainer.layout.count, 0.02, 3), null)
  expect(trainer.gradient(randomBatch(job, 2, 9)).status).toBe('ok')
  return trainer.meanGradient()
}

function distance(a: Float32Array, b: Float32Array): number {
  const squares = (x: Float32Array) => x.reduce((sum, value) => sum + value * value, 0)
  return Math.sqrt(squares(a.map((value, i) => value - b[i]!)) / squares(b))
}

const FLOAT32: BaseKernels = { base: 'float32', path: 'float32' }

for (const [loudness, most] of [
  [1, 1e-3],
  [10, 1e-3],
  [100, 1e-2],
] as const) {
  test(`channels ${loudness} times as loud: activations in int16 cost less than bfloat16`, () => {
    const int8 = gradientOf({ base: 'int8', path: 'float32' }, loudness)
    const error = distance(gradientOf({ base: 'int8', path: 'int16' }, loudness), int8)
    const bfloat16 = gradientOf({ base: 'bfloat16', path: 'float32' }, loudness)
    expect(error).toBeGreaterThan(0)
    expect(error).toBeLessThan(most)
    expect(error).toBeLessThan(distance(bfloat16, gradientOf(FLOAT32, loudness)))
  })
}

/** Rows of whole blocks of every kind. */
const OF_BLOCKS: ModelShape = {
  ...MODEL,
  hiddenSize: 256,
  intermediateSize: 512,
  layerCount: 2,
  headCount: 8,
  kvHeadCount: 4,
}

function inBlocks(kind: BlockKind, loudness: number): WeightSource {
  const source = weightsWith(loudness, OF_BLOCKS)
  const made = new Map<string, Uint8Array>()
  return {
    ...source,
    blocks(name) {
      const { shape, values } = source.tensor(name)
      const bytes = made.get(name) ?? quantiseBlocks(kind, values)
      made.set(name, bytes)
      const rowBytes = bytes.length / shape[0]!
      return {
        kind,
        shape,
        read: (into, first) => into.set(bytes.subarray(first * rowBytes).subarray(0, into.length)),
      }
    },
  }
}

for (const [kind, loudness, most] of [
  ['Q4_1', 1, 2e-4],
  ['Q8_0', 1, 2e-4],
  ['Q4_K', 1, 5e-4],
  ['Q4_K', 100, 2e-2],
  ['Q5_K', 1, 1e-3],
  ['Q6_K', 1, 1e-3],
  ['Q6_K', 100, 2e-2],
] as const) {
  test(`${kind}, channels ${loudness} times as loud: integers cost less than ${most}`, () => {
    const kinds = weightMatrices(OF_BLOCKS).map(() => kind)
    const weights = inBlocks(kind, loudness)
    const [int16, float32] = (['int16', 'float32'] as const).map((path) =>
      gradientOf({ base: 'blocks', kinds, path }, loudness, OF_BLOCKS, weights),
    )
    const error = distance(int16!, float32!)
    expect(error).toBeGreaterThan(0)
    expect(error).toBeLessThan(most)
    if (loudness > 1) return
    const bfloat16 = gradientOf({ base: 'bfloat16', path: 'float32' }, loudness, OF_BLOCKS)
    expect(error).toBeLessThan(distance(bfloat16, gradientOf(FLOAT32, loudness, OF_BLOCKS)))
  })
}
