/**
 * The frozen base: which tensors a LLaMA checkpoint holds, under the names of the Hugging Face hub,
 * and how they come into the linear memory. Where they come from (safetensors, a test) is behind
 * `WeightSource`.
 */
import type { StorageKind } from './ops.ts'
import { type ModelShape, ShapeError, TARGETS, type Target, targetSize } from './shape.ts'

export interface WeightSource {
  /** Throws when the checkpoint lacks the tensor. */
  tensor(name: string): { shape: readonly number[]; values: Float32Array }
  /**
   * `count` rows of a matrix from `first` on; a source that can but read all of it needs no such
   * function.
   */
  rows?(name: string, first: number, count: number): Float32Array
  /** A matrix whose rows are blocks; a source that has none needs no such function. */
  blocks?(name: string): StoredBlocks
}

/** A file gives rows without the rest of their matrix. */
export type RowSource = WeightSource & Required<Pick<WeightSource, 'rows'>>

/** A matrix as its file has it. */
export interface StoredBlocks {
  kind: StorageKind
  shape: readonly number[]
  /** Writes rows from `first` on, one after the other, to `into`, which is as long as they are. */
  read(into: Uint8Array, first: number): void
}

export interface WeightTensor {
  name: string
  shape: readonly number[]
}

export const EMBEDDING = 'model.embed_tokens.weight'
export const FINAL_NORM = 'model.norm.weight'
export const HEAD = 'lm_head.weight'

export function inputNormName(layer: number): string {
  return `model.layers.${layer}.input_layernorm.weight`
}

export function middleNormName(layer: number): string {
  return `model.layers.${layer}.post_attention_layernorm.weight`
}

export function headNormName(layer: number, target: 'q' | 'k'): string {
  return `model.layers.${layer}.self_attn.${target}_norm.weight`
}

export function biasName(layer: number, target: 'q' | 'k' | 'v'): string {
  return `model.layers.${layer}.self_attn.${target}_proj.bias`
}

export function linearName(layer: number, target: Target): string {
  const part = target === 'gate' || target === 'up' || target === 'down' ? 'mlp' : 'self_attn'
  return `model.layers.${layer}.${part}.${target}_proj.weight`
}

/** Every tensor of the base, W as (O,I). A tied head is the embedding: no tensor of its own. */
export function weightTensors(model: ModelShape): WeightTensor[] {
  const { vocabSize: V, hiddenSize: D } = model
  const tensors: WeightTensor[] = [{ name: EMBEDDING, shape: [V, D] }]
  for (let layer = 0; layer < model.layerCount; layer++) {
    tensors.push({ name: inputNormName(layer), shape: [D] })
    tensors.push({ name: middleNormName(layer), shape: [D] })
    if (model.headNorm) {
      for (const target of ['q', 'k'] as const) {
        tensors.push({ name: headNormName(layer, target), shape: [model.headDim] })
      }
    }
    if (model.qkvBias) {
      for (const target of ['q', 'k', 'v'] as const) {
        const { outputs } = targetSize(model, target)
        tensors.push({ name: biasName(layer, target), shape: [outputs] })
      }
    }
    for (const target of TARGETS) {
      const { inputs, outputs } = targetSize(model, target)
      tensors.push({ name: linearName(layer, target), shape: [outputs, inputs] })
    }
  }
  tensors.push({ name: FINAL_NORM, shape: [D] })
  if (!model.tiedHead) tensors.push({ name: HEAD, shape: [V, D] })
  return tensors
}

/** Its matrices, in the same order: each may be stored in a kind of its own. */
export function weightMatrices(model: ModelShape): WeightTensor[] {
  return weightTensors(model).filter(({ shape }) => shape.length > 1)
}

/** The numbers of a tensor. Throws ShapeError unless source and model agree on its shape. */
export function readTensor({ name, shape }: WeightTensor, source: WeightSource): Float32Array {
  const { shape: got, values } = source.tensor(name)
  const count = shape.reduce((product, size) => product * size, 1)
  if (got.join() === shape.join() && values.length === count) return values
  throw new ShapeError(
    `Cannot load '${name}' as its shape must be (${shape.join()}): ` +
      `current value is (${got.join()}) with ${values.length} numbers`,
  )
}

/** Reads rows of a matrix. Throws ShapeError unless source and model agree on its shape. */
export function rowReader(
  { name, shape }: WeightTensor,
  source: WeightSource,
): (first: number, count: number) => Float32Array {
  const columns = shape[1]!
  if (source.rows === undefined) {
    const values = readTensor({ name, shape }, source)
    return (first, count) => values.subarray(first * columns, (first + count) * columns)
  }
  return (first, count) => {
    const values = source.rows!(name, first, count)
    if (values.length === count * columns) return values
    throw new ShapeError(
      `Cannot load '${name}' as ${count} of its rows must be ${count * columns} numbers: ` +
        `current value is ${values.length}`,
    )
  }
}

/** A matrix in blocks. Throws ShapeError unless source and model agree on its shape and kind. */
export function storedBlocks(
  { name, shape }: WeightTensor,
  kind: StorageKind,
  source: WeightSource,
): StoredBlocks {
  const stored = source.blocks?.(name)
  if (stored?.kind === kind && stored.shape.join() === shape.join()) return stored
  const current = stored === undefined ? 'none' : `${stored.kind} (${stored.shape.join()})`
  throw new ShapeError(
    `Cannot load '${name}' as its blocks must be ${kind} (${shape.join()}): ` +
      `current value is ${current}`,
  )
}
