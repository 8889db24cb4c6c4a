/** The frozen base on its way into the linear memory, in the kind that the job stores it in. */
import { isBlockKind } from './blocks.ts'
import { type BatchShape, type Buffers, placeBuffers } from './buffers.ts'
import { weightBytes, weightRows } from './frozen.ts'
import { GROUPS } from './groups.ts'
import type { FrozenWeight, Ops, Pointer, StorageKind } from './ops.ts'
import type { Place } from './place.ts'
import { type Target, targetSize } from './shape.ts'
import {
  biasName,
  EMBEDDING,
  FINAL_NORM,
  HEAD,
  headNormName,
  inputNormName,
  linearName,
  middleNormName,
  readTensor,
  rowReader,
  storedBlocks,
  type WeightSource,
  type WeightTensor,
} from './weights.ts'

/** The buffers of a job, with its frozen base in them, but for what is streamed. */
export function allocateBuffers(
  ops: Ops,
  place: Place,
  job: BatchShape,
  weights: WeightSource,
): Buffers {
  const buffers = placeBuffers(job, place)
  const { cos, sin } = buffers
  const { headDim, ropeTheta, ropeDivisors } = buffers.model
  loadWeights(ops, buffers, weights)
  ops.ropeTable(cos, sin, job.sequenceLength, headDim, ropeTheta, ropeDivisors)
  return buffers
}

/**
 * Reads every tensor of the base once, but for what is streamed.
 * Throws ShapeError when one is not of the model's shape.
 */
export function loadWeights(ops: Ops, buffers: Buffers, source: WeightSource): void {
  const { model, embedding, head, finalNorm, layers } = buffers
  const D = model.hiddenSize
  if (buffers.embeddedRows === null) loadMatrix(ops, buffers, EMBEDDING, embedding, source)
  for (const [index, layer] of layers.entries()) {
    loadVector(ops, inputNormName(index), layer.inputNorm, D, source)
    loadVector(ops, middleNormName(index), layer.middleNorm, D, source)
    if (model.headNorm) loadHeadNorms(ops, buffers, index, source)
    if (model.qkvBias) loadBiases(ops, buffers, index, source)
    if (index < buffers.streamedFrom) loadLayer(ops, buffers, index, source)
  }
  loadVector(ops, FINAL_NORM, finalNorm, D, source)
  if (!model.tiedHead) loadMatrix(ops, buffers, HEAD, head, source)
}

function loadHeadNorms(ops: Ops, buffers: Buffers, index: number, source: WeightSource): void {
  const { headNorm } = buffers.layers[index]!
  for (const target of ['q', 'k'] as const) {
    const name = headNormName(index, target)
    loadVector(ops, name, headNorm[target], buffers.model.headDim, source)
  }
}

/** The biases of q, k and v lie one after the other. */
function loadBiases(
  ops: Ops,
  { model, layers }: Buffers,
  index: number,
  source: WeightSource,
): void {
  let bias = layers[index]!.qkvBias
  for (const target of GROUPS.qkv) {
    const { outputs } = targetSize(model, target)
    loadVector(ops, biasName(index, target), bias, outputs, source)
    bias += 4 * outputs
  }
}

/**
 * The matrices of a layer, to where it has them. Those of a group are rows of one weight, or of
 * several: see frozen-base.ts.
 */
export function loadLayer(ops: Ops, buffers: Buffers, index: number, source: WeightSource): void {
  const { groups } = buffers.layers[index]!
  for (const name of Object.keys(GROUPS) as (keyof typeof GROUPS)[]) {
    const { weights } = groups[name]
    let column = 0
    for (const target of GROUPS[name] as readonly Target[]) {
      const { outputs } = targetSize(buffers.model, target)
      const own = weights.findLast((part) => part.column <= column)!
      const rows = weightRows(own.weight, column - own.column, outputs)
      loadMatrix(ops, buffers, linearName(index, target), rows, source)
      column += outputs
    }
  }
}

function loadVector(
  ops: Ops,
  name: string,
  at: Pointer,
  length: number,
  source: WeightSource,
): void {
  const values = readTensor({ name, shape: [length] }, source)
  new Float32Array(ops.memory.buffer, at, values.length).set(values)
}

function loadMatrix(
  ops: Ops,
  buffers: Buffers,
  name: string,
  weight: FrozenWeight,
  source: WeightSource,
): void {
  const { kind, outputs, inputs } = weight
  const { stagingRows } = buffers.scratch
  const load = rowLoader(ops, buffers, { name, shape: [outputs, inputs] }, kind, source)
  // What needs no staging is read at once.
  const rowsMax = isBlockKind(kind) ? outputs : stagingRows
  for (let first = 0; first < outputs; first += rowsMax) {
    load(weightRows(weight, first, Math.min(rowsMax, outputs - first)), first)
  }
}

/** Loads the row of each token to a row of its own of the embedding, one after the other. */
export function loadEmbeddingRows(
  ops: Ops,
  buffers: Buffers,
  source: WeightSource,
): (tokens: Int32Array) => void {
  const { embedding, model } = buffers
  const tensor = { name: EMBEDDING, shape: [model.vocabSize, model.hiddenSize] }
  const load = rowLoader(ops, buffers, tensor, embedding.kind, source)
  return (tokens) => {
    for (const [row, token] of tokens.entries()) load(weightRows(embedding, row, 1), token)
  }
}

/** Brings rows of a tensor from `first` on to where `to` has them; up to stagingRows of floats. */
function rowLoader(
  ops: Ops,
  { scratch }: Buffers,
  tensor: WeightTensor,
  kind: StorageKind,
  source: WeightSource,
): (to: FrozenWeight, first: number) => void {
  if (isBlockKind(kind)) {
    const stored = storedBlocks(tensor, kind, source)
    return ({ values, outputs, inputs }, first) => {
      const bytes = weightBytes(kind, outputs, inputs).values
      stored.read(new Uint8Array(ops.memory.buffer, values, bytes), first)
    }
  }
  const rows = rowReader(tensor, source)
  return (to, first) => {
    const values = rows(first, to.outputs)
    new Float32Array(ops.memory.buffer, scratch.staging, values.length).set(values)
    ops.storeWeight(to, scratch.staging)
  }
}
