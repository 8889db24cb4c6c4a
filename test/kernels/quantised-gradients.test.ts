/** LoRA on a base that lies in blocks, against peft on what the gguf package widens them to. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { BlockKind } from '../../kernels/ops.ts'
import { type AdapterShape, type ModelShape, TARGETS } from '../../kernels/shape.ts'
import { createTrainer, type JobShape } from '../../kernels/train-step.ts'
import { type WeightSource, weightMatrices } from '../../kernels/weights.ts'
import { MACHINES, relativeError, TINY } from './jobs.ts'
import { floats } from './llama-vectors.ts'

interface Stored {
  model: ModelShape
  adapterShape: AdapterShape
  sequenceLength: number
  weights: Record<string, { shape: number[]; values?: string; kind?: BlockKind; blocks?: string }>
  adapter: string
  ids: number[]
  targets: number[]
  loss: number
  gradients: string
}

const file = new URL('../vectors/quantised.json', import.meta.url)
const stored: Stored = JSON.parse(readFileSync(file, 'utf8'))
const { model, sequenceLength, weights, loss } = stored
const kinds = weightMatrices(model).map(({ name }) => weights[name]!.kind!)

const source: WeightSource = {
  tensor(name) {
    const { shape, values } = weights[name]!
    return { shape, values: floats(values!) }
  },
  blocks(name) {
    const { shape, kind, blocks } = weights[name]!
    const bytes = Buffer.from(blocks!, 'base64')
    const rowBytes = bytes.length / shape[0]!
    return {
      kind: kind!,
      shape,
      read: (into, first) => into.set(bytes.subarray(first * rowBytes).subarray(0, into.length)),
    }
  },
}

test('all kinds of blocks are among them', () => {
  expect(new Set(kinds).size).toBe(8)
})

for (const [machine, create] of MACHINES) {
  test(`${machine}: loss and gradients within 1e-4, tensor by tensor`, () => {
    const job: JobShape = {
      ...TINY,
      model,
      sequenceLength,
      microBatch: 2,
      adapter: { ...stored.adapterShape, targets: TARGETS },
      kernels: { base: 'blocks', kinds, path: 'float32' },
    }
    const { ops, arena } = create()
    const trainer = createTrainer(ops, arena, job, source)
    trainer.load(floats(stored.adapter), null)
    const batch = {
      tokens: Int32Array.from(stored.ids),
      targets: Int32Array.from(stored.targets),
    }
    const outcome = trainer.gradient(batch)
    expect(outcome.status === 'ok' && Math.abs(outcome.loss / loss - 1)).toBeLessThan(1e-4)
    const gradient = trainer.meanGradient()
    const expected = floats(stored.gradients)
    for (const { layer, target, part, offset, rows, columns } of trainer.layout.tensors) {
      const own = (values: Float32Array) => values.subarray(offset, offset + rows * columns)
      const error = relativeError(own(gradient), own(expected))
      expect(error, `layer ${layer} ${target} ${part}`).toBeLessThan(1e-4)
    }
  })
}
