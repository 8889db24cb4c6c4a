/**
 * The blocks of llama.cpp in which a weight may lie as its file has it.
 *
 * A block is 32 or 256 numbers of a row, one after the other; each 16 or 32 of them share a scale
 * and, in some kinds, a least value: a number is round(round(scale · code) - least), and in the
 * larger blocks scale and least are codes themselves, times a float16 that the block has for all.
 * Source: ggml, ggml-common.h, `block_q4_0` and on.
 */
import type { BlockKind, StorageKind } from './ops.ts'

/** The numbers of a block and its bytes. */
export const BLOCKS: Readonly<Record<BlockKind, { scalars: number; bytes: number }>> = {
  Q4_0: { scalars: 32, bytes: 18 },
  Q4_1: { scalars: 32, bytes: 20 },
  Q5_0: { scalars: 32, bytes: 22 },
  Q5_1: { scalars: 32, bytes: 24 },
  Q8_0: { scalars: 32, bytes: 34 },
  Q4_K: { scalars: 256, bytes: 144 },
  Q5_K: { scalars: 256, bytes: 176 },
  Q6_K: { scalars: 256, bytes: 210 },
}

export const BLOCK_KINDS = Object.keys(BLOCKS) as BlockKind[]

export function isBlockKind(kind: StorageKind): kind is BlockKind {
  return kind in BLOCKS
}

/** The numbers of a row that a row of the kind is a multiple of. */
export function rowUnit(kind: StorageKind): number {
  return isBlockKind(kind) ? BLOCKS[kind].scalars : 1
}
