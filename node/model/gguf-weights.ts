/**
 * The tensors of a GGUF file under the names of the hub, in the hub's order of rows: widened to
 * float32 one at a time, or in the blocks that they lie in. A tensor that no model of ours has is
 * refused: it would change the maths.
 */
import {
  linearName,
  type ModelShape,
  type RowSource,
  type StorageKind,
  type Target,
  weightTensors,
} from '../../kernels/index.ts'
import { ModelError } from './errors.ts'
import { type FileBytes, readInto } from './file-bytes.ts'
import type { GgufEntry, GgufHeader } from './gguf.ts'
import { ROPE_FACTORS } from './gguf-config.ts'
import type { TensorType } from './gguf-format.ts'
import { ggufNames, permutedHeads, unpermuteRows } from './gguf-names.ts'
import { dequantise, isBlockType } from './gguf-numbers.ts'

export interface GgufTensors {
  /** The tensors, by the Hub's names. */
  tensors: ReadonlyMap<string, { shape: readonly number[]; dtype: TensorType }>
  source: RowSource
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
  const rowsOf = (name: string) => {
    const { type, shape, begin, end } = entryOf(header, names.get(name) ?? name)
    const rowBytes = (end - begin) / shape[0]!
    return { type, shape, begin, rowBytes, headRows: shape[0]! / (heads.get(name) ?? shape[0]!) }
  }
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
        const { type, ...rows } = rowsOf(name)
        const bytes = new Uint8Array(count * rows.rowBytes)
        readRows(file, rows, first, bytes)
        return dequantise(type, bytes, `tensor '${name}'`)
      },
      blocks(name) {
        const { type, shape, ...rows } = rowsOf(name)
        const read = (into: Uint8Array, first: number) => readRows(file, rows, first, into)
        return { kind: storageKind(type), shape, read }
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

/** What a matrix is read by where rows change places, in whole heads. */
const PIECE_BYTES = 8 * 1024 * 1024

interface StoredRows {
  begin: number
  rowBytes: number
  /** Rows of a head, which the file has in another order; 1: rows lie as the hub has them. */
  headRows: number
}

/** The bytes of rows from `first` on, in the hub's order, until `into` is full. */
function readRows(
  file: FileBytes,
  { begin, rowBytes, headRows }: StoredRows,
  first: number,
  into: Uint8Array,
): void {
  if (headRows === 1) return readInto(file, into, begin + first * rowBytes)
  const unit = headRows * rowBytes
  const piece = Math.max(1, Math.floor(PIECE_BYTES / unit)) * headRows
  const end = first + into.length / rowBytes
  // Heads are read whole, of the first and the last perhaps only some rows are asked for.
  for (let row = first - (first % headRows); row < end; row += piece) {
    const last = Math.ceil(Math.min(end, row + piece) / headRows) * headRows
    const bytes = file.read(begin + row * rowBytes, begin + last * rowBytes)
    const own = unpermuteRows(bytes, bytes.length / unit, rowBytes)
    const from = Math.max(first, row)
    into.set(
      own.subarray((from - row) * rowBytes, (Math.min(end, last) - row) * rowBytes),
      (from - first) * rowBytes,
    )
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
