/**
 * Where the numbers of a frozen weight lie: what its values and scales take, and a part of its rows
 * as a weight of its own.
 */
import { BLOCK_KINDS, BLOCKS, isBlockKind } from './blocks.ts'
import type { BlockKind, FrozenWeight, StorageKind } from './ops.ts'

export const STORAGE_KINDS: readonly StorageKind[] = [
  'float32',
  'float16',
  'bfloat16',
  'int8',
  ...BLOCK_KINDS,
]

/** The bytes of a number, in a kind that has none of them in blocks. */
export const NUMBER_BYTES: Readonly<Record<Exclude<StorageKind, BlockKind>, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int8: 1,
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
  return { values: inputs * NUMBER_BYTES[kind], scales: kind === 'int8' ? 4 : 0 }
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
