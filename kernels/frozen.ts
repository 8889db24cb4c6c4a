/**
 * Where the numbers of a frozen weight lie: what its values and scales take, and a part of its rows
 * as a weight of its own.
 */
import { BLOCK_KINDS, BLOCKS, isBlockKind } from './blocks.ts'
import type { BlockKind, FrozenWeight, StorageKind } from './ops.ts'

/** Numbers along a row of an int4 weight that share a scale. */
export const INT4_GROUP = 64

export const STORAGE_KINDS: readonly StorageKind[] = [
  'float32',
  'float16',
  'bfloat16',
  'int8',
  'int4',
  ...BLOCK_KINDS,
]

const VALUE_BITS: Readonly<Record<Exclude<StorageKind, BlockKind>, number>> = {
  float32: 32,
  float16: 16,
  bfloat16: 16,
  int8: 8,
  int4: 4,
}

export interface WeightBytes {
  values: number
  scales: number
}

/** Bytes of one row. */
export function rowBytes(kind: StorageKind, inputs: number): WeightBytes {
  if (isBlockKind(kind)) {
    const { scalars, bytes } = BLOCKS[kind]
    return { values: Math.ceil(inputs / scalars) * bytes, scales: 0 }
  }
  const values = Math.ceil((inputs * VALUE_BITS[kind]) / 8)
  if (kind === 'int8') return { values, scales: 4 }
  return { values, scales: kind === 'int4' ? 2 * Math.ceil(inputs / INT4_GROUP) : 0 }
}

/** Bytes of a whole weight. */
export function weightBytes(kind: StorageKind, outputs: number, inputs: number): WeightBytes {
  const row = rowBytes(kind, inputs)
  return { values: outputs * row.values, scales: outputs * row.scales }
}

/** `count` rows from `first` on, to be stored in parts or shared between threads. */
export function weightRows(weight: FrozenWeight, first: number, count: number): FrozenWeight {
  const row = rowBytes(weight.kind, weight.inputs)
  return {
    ...weight,
    values: weight.values + first * row.values,
    scales: weight.scales + first * row.scales,
    outputs: count,
  }
}
