/**
 * The tensors of a GGUF file under the names of the hub, in the hub's order of rows: widened to
 * float32 one at a time, or in the blocks that they lie in. A tensor that no model of ours has is
 * refused: it would change the maths.
 */
import {
  linearName,
  type ModelShape,
  type StorageKind,
  type Target,
  type WeightSource,
  weightTensors,
} from '../../kernels/index.ts'
import { ModelError } from './errors.ts'
import type { FileBytes } from './file-bytes.ts'
import type { GgufEntry, GgufHeader } from './gguf.ts'
import { ROPE_FACTORS } from './gguf-config.ts'
import type { TensorType } from './gguf-format.ts'
import { ggufNames, permutedHeads, unpermuteRows } from './gguf-names.ts'
import { dequantise, isBlockType } from './gguf-numbers.ts'

export interface GgufTensors {
  /** The tensors, by the Hub's names. */
  tensors: ReadonlyMap<string, { shape: readonly number[]; dtype: TensorType }>
  source: WeightSource
}

/** @throws ModelError `unsupported` that names the tensor we would leave out */
export function ggufTensors(header: GgufHeader, file: FileBytes, model: ModelShape): GgufTensors {
  const names = ggufNames(model)
  const known = new Set([...names.values(), ROPE_FACTORS])
  const strange = [...header.tensors.keys()].find((name) => !known.has(name))
  if (strange !== undefined) {
    throw new ModelError(
      'unsupported',
      `Cannot use this GGUF file as it has a tensor '${strange}', which this architecture lacks`,
    )
  }
  const heads = headsByName(model)
  const tensors = new Map<string, { shape: readonly number[]; dtype: TensorType }>()
  for (const { name } of weightTensors(model)) {
    const entry = header.tensors.get(names.get(name)!)
    if (entry !== undefined) tensors.set(name, { shape: entry.shape, dtype: entry.type })
  }
  return {
    tensors,
    source: {
      tensor(name) {
        const { shape, values } = readGgufTensor(header, names.get(name) ?? name, file)
        const count = heads.get(name)
        if (count === undefined) return { shape, values }
        return { shape, values: unpermuteRows(values, count, shape.at(-1)!) }
      },
      rows(name, first, count) {
        const { type, shape, begin, end } = entryOf(header, names.get(name) ?? name)
        const [outputs, columns] = [shape[0]!, shape.at(-1)!]
        const unit = outputs / (heads.get(name) ?? outputs)
        // Where rows change places they do so in their head, which is read whole.
        const [from, to] = [Math.floor(first / unit), Math.ceil((first + count) / unit)]
        const unitBytes = ((end - begin) / outputs) * unit
        const bytes = file.read(begin + from * unitBytes, begin + to * unitBytes)
        const values = dequantise(type, bytes, `tensor '${name}'`)
        const own = unit === 1 ? values : unpermuteRows(values, to - from, columns)
        const skipped = first - from * unit
        return own.subarray(skipped * columns, (skipped + count) * columns)
      },
      blocks(name) {
        const { type, shape, begin, end } = entryOf(header, names.get(name) ?? name)
        const count = heads.get(name) ?? null
        const rowBytes = (end - begin) / shape[0]!
        return {
          kind: storageKind(type),
          shape,
          read: (into) => readRows(file, { begin, end, rowBytes }, count, into),
        }
      },
    },
  }
}

/** A tensor as it lies in the file. Throws ModelError `missing` where it does not. */
export function readGgufTensor(
  header: GgufHeader,
  name: string,
  { read }: FileBytes,
): { shape: readonly number[]; values: Float32Array } {
  const { type, shape, begin, end } = entryOf(header, name)
  return { shape, values: dequantise(type, read(begin, end), `tensor '${name}'`) }
}

/** Throws ModelError `missing`. */
function entryOf(header: GgufHeader, name: string): GgufEntry {
  const entry = header.tensors.get(name)
  if (entry !== undefined) return entry
  throw new ModelError('missing', `Cannot read tensor '${name}': the file has no such tensor`)
}

/** Kinds that a file can have a matrix in. */
export type StoredKind = Exclude<StorageKind, 'int8'>

/** What a matrix is read by, in whole heads where rows change places. */
const PIECE_BYTES = 8 * 1024 * 1024

/** Rows of blocks as they lie, those of `heads` heads in the hub's order; null: they all are. */
function readRows(
  { read }: FileBytes,
  { begin, end, rowBytes }: { begin: number; end: number; rowBytes: number },
  heads: number | null,
  into: Uint8Array,
): void {
  const unit = heads === null ? rowBytes : (end - begin) / heads
  const piece = unit * Math.max(1, Math.floor(PIECE_BYTES / unit))
  for (let at = begin; at < end; at += piece) {
    const bytes = read(at, Math.min(end, at + piece))
    const own = heads === null ? bytes : unpermuteRows(bytes, bytes.length / unit, rowBytes)
    into.set(own, at - begin)
  }
}

/** The kind in which the kernels take a tensor as it is. */
export function storageKind(type: TensorType): StoredKind {
  return isBlockType(type) ? type : FLOATS[type]
}

const FLOATS = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const

function headsByName(model: ModelShape): ReadonlyMap<string, number> {
  const heads = new Map<string, number>()
  for (let layer = 0; layer < model.layerCount; layer++) {
    for (const target of ['q', 'k'] satisfies Target[]) {
      const count = permutedHeads(model, target)
      if (count !== null) heads.set(linearName(layer, target), count)
    }
  }
  return heads
}
