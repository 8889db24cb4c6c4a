/**
 * The frozen weights of a base model, in safetensors or GGUF, checked against its shape before a
 * kernel sees them. Pure.
 */
import {
  type ModelShape,
  type StorageKind,
  type WeightSource,
  weightTensors,
} from '../../kernels/index.ts'
import type { BlobFile } from '../storage/blob-store.ts'
import { ModelError } from './errors.ts'
import type { FileBytes } from './file-bytes.ts'
import { isGguf, parseGguf } from './gguf.ts'
import { ggufTensors } from './gguf-weights.ts'
import { readTensor, safetensorsHeader } from './safetensors.ts'

export interface BaseWeights extends WeightSource {
  /** The smallest kind in which no number of a matrix changes. */
  storage: StorageKind
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
  const source = { tensor: (name: string) => readTensor(header, name, read) }
  return checked(shape, source, header.tensors)
}

function checked(
  shape: ModelShape,
  source: WeightSource,
  tensors: ReadonlyMap<string, { shape: readonly number[]; dtype: string }>,
): BaseWeights {
  const types = new Set<string>()
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
    if (expected.length > 1) types.add(entry.dtype)
  }
  const [first, ...others] = types
  const storage = (others.length === 0 && HALVES[first!]) || 'float32'
  const quantised = [...types].filter((type) => !WHOLE.has(type)).sort()
  return { ...source, storage, quantised }
}

const WHOLE: ReadonlySet<string> = new Set(['F64', 'F32', 'F16', 'BF16'])
const HALVES: Readonly<Record<string, StorageKind>> = { F16: 'float16', BF16: 'bfloat16' }
