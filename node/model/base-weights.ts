/**
 * The frozen weights of a base model, in safetensors or GGUF, checked against its shape before a
 * kernel sees them. Pure.
 */
import {
  type ModelShape,
  type RowSource,
  weightMatrices,
  weightTensors,
} from '../../kernels/index.ts'
import type { BlobFile } from '../storage/blob-store.ts'
import { ModelError } from './errors.ts'
import type { FileBytes } from './file-bytes.ts'
import { isGguf, parseGguf } from './gguf.ts'
import type { TensorType } from './gguf-format.ts'
import { ggufTensors, type StoredKind, storageKind } from './gguf-weights.ts'
import { readRows, readTensor, safetensorsHeader } from './safetensors.ts'

/** What a RunConfig says of it. */
interface BaseStorage {
  base: FloatKind | 'blocks'
  kinds?: StoredKind[]
}
type FloatKind = 'float32' | 'float16' | 'bfloat16'

export interface BaseWeights extends RowSource {
  /** How the kernels store it without a number of a matrix being changed. */
  storage: BaseStorage
  /** Types of a matrix that keep less than 16 bits a number, as their file calls them. */
  quantised: string[]
}

/** They can be read until they are closed. */
export type OpenWeights = BaseWeights & { close(): void }

/** @throws ModelError unless the file holds the weights of such a model */
export type WeightOpener = (file: BlobFile, shape: ModelShape) => OpenWeights

/**
 * The weights from the bytes of their file, as a volunteer gets them: the shape is in the
 * RunConfig.
 */
export function weightsFromBytes(shape: ModelShape, bytes: Uint8Array): BaseWeights {
  const read = (begin: number, end: number) => bytes.subarray(begin, end)
  return readWeights(shape, { bytes: bytes.length, read })
}

/**
 * Tensors of a safetensors file beyond those of the shape are ignored, as transformers does (a tied
 * model may store its head twice).
 * @throws ModelError `missing` or `malformed` unless every tensor is there in its shape.
 */
export function readWeights(shape: ModelShape, file: FileBytes): BaseWeights {
  const { read, bytes } = file
  if (isGguf(read(0, Math.min(4, bytes)))) {
    const { source, tensors } = ggufTensors(parseGguf(file), file, shape)
    return checked(shape, source, tensors)
  }
  const header = safetensorsHeader(file)
  const source: RowSource = {
    tensor: (name) => readTensor(header, name, read),
    rows: (name, first, count) => readRows(header, name, [first, count], read),
  }
  return checked(shape, source, header.tensors)
}

function checked(
  shape: ModelShape,
  source: RowSource,
  tensors: ReadonlyMap<string, { shape: readonly number[]; dtype: string }>,
): BaseWeights {
  for (const { name, shape: expected } of weightTensors(shape)) {
    const entry = tensors.get(name)
    if (entry === undefined) {
      throw new ModelError(
        'missing',
        `Cannot use the weights as they lack '${name}': are they of the model in config.json?`,
      )
    }
    if (entry.shape.join() !== expected.join()) {
      throw new ModelError(
        'malformed',
        `Cannot use the weights as the shape of '${name}' must be (${expected.join()}): ` +
          `current value is (${entry.shape.join()})`,
      )
    }
  }
  const types = weightMatrices(shape).map(({ name }) => tensors.get(name)!.dtype)
  const quantised = [...new Set(types)].filter((type) => !WHOLE.has(type)).sort()
  return { ...source, storage: storageOf(types, quantised.length > 0), quantised }
}

/** A base of one type of halves keeps them, one with blocks what each matrix lies in. */
function storageOf(types: readonly string[], hasBlocks: boolean): BaseStorage {
  if (hasBlocks) {
    return { base: 'blocks', kinds: types.map((type) => storageKind(type as TensorType)) }
  }
  const [first, ...others] = new Set(types)
  return { base: (others.length === 0 && HALVES[first!]) || 'float32' }
}

const WHOLE: ReadonlySet<string> = new Set(['F64', 'F32', 'F16', 'BF16'])
const HALVES: Readonly<Record<string, FloatKind>> = { F16: 'float16', BF16: 'bfloat16' }
