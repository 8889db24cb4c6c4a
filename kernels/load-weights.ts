/** The frozen base on its way into the linear memory, in the kind that the job stores it in. */
import { type Buffers, GROUPS } from './buffers.ts'
import { weightRows } from './frozen.ts'
import type { FrozenWeight, Ops, Pointer } from './ops.ts'
import { type Target, targetSize } from './shape.ts'
import {
  EMBEDDING,
  FINAL_NORM,
  HEAD,
  inputNormName,
  linearName,
  middleNormName,
  readTensor,
  type WeightSource,
} from './weights.ts'

/** Reads every tensor of the base once. Throws ShapeError when one is not of the model's shape. */
export function loadWeights(ops: Ops, buffers: Buffers, source: WeightSource): void {
  const { model, embedding, head, finalNorm, layers } = buffers
  loadMatrix(ops, buffers, EMBEDDING, embedding, source)
  for (const [index, { groups, inputNorm, middleNorm }] of layers.entries()) {
    loadNorm(ops, buffers, inputNormName(index), inputNorm, source)
    loadNorm(ops, buffers, middleNormName(index), middleNorm, source)
    for (const name of Object.keys(GROUPS) as (keyof typeof GROUPS)[]) {
      let first = 0
      for (const target of GROUPS[name] as readonly Target[]) {
        const { outputs } = targetSize(model, target)
        const rows = weightRows(groups[name].weight, first, outputs)
        loadMatrix(ops, buffers, linearName(index, target), rows, source)
        first += outputs
      }
    }
  }
  loadNorm(ops, buffers, FINAL_NORM, finalNorm, source)
  if (!model.tiedHead) loadMatrix(ops, buffers, HEAD, head, source)
}

function loadNorm(
  ops: Ops,
  { model }: Buffers,
  name: string,
  at: Pointer,
  source: WeightSource,
): void {
  const values = readTensor({ name, shape: [model.hiddenSize] }, source)
  new Float32Array(ops.memory.buffer, at, values.length).set(values)
}

function loadMatrix(
  ops: Ops,
  { scratch }: Buffers,
  name: string,
  weight: FrozenWeight,
  source: WeightSource,
): void {
  const { outputs, inputs } = weight
  const { staging, stagingRows } = scratch
  const values = readTensor({ name, shape: [outputs, inputs] }, source)
  for (let first = 0; first < outputs; first += stagingRows) {
    const rows = Math.min(stagingRows, outputs - first)
    const part = values.subarray(first * inputs, (first + rows) * inputs)
    new Float32Array(ops.memory.buffer, staging, part.length).set(part)
    ops.storeWeight(weightRows(weight, first, rows), staging)
  }
}
