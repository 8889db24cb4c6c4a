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

/** Numbers of activations that have one scale, where blocks are multiplied in integers. */
export const SPAN = 256

/**
 * What the integer path makes of a kind; see `ProductPath` in ops.ts. Codes that are never negative
 * are counted from their `middle`; `exact` of their products with activations, which are at most
 * `codeMax`, are summed in int32. With |code| ≤ 504, 1008 and 4096 in Q4_K, Q5_K and Q6_K, and
 * 128 in the others, no such sum leaves int32, in whatever order it is taken.
 */
export const INTEGERS: Readonly<
  Record<BlockKind, { middle: number; exact: number; codeMax: number }>
> = {
  Q4_0: { middle: 0, exact: 32, codeMax: 32_767 },
  Q4_1: { middle: 8, exact: 32, codeMax: 32_767 },
  Q5_0: { middle: 0, exact: 32, codeMax: 32_767 },
  Q5_1: { middle: 16, exact: 32, codeMax: 32_767 },
  Q8_0: { middle: 0, exact: 32, codeMax: 32_767 },
  Q4_K: { middle: 8, exact: 256, codeMax: 16_383 },
  Q5_K: { middle: 16, exact: 256, codeMax: 8191 },
  Q6_K: { middle: 0, exact: 64, codeMax: 8191 },
}

/** Whether the kind can be multiplied in integers in that direction. */
export function hasIntegerPath(kind: StorageKind, isBackward: boolean): boolean {
  if (!isBlockKind(kind)) return kind === 'int8'
  return !isBackward || BLOCKS[kind].scalars === SPAN
}

export const BLOCK_KINDS = Object.keys(BLOCKS) as BlockKind[]

export function isBlockKind(kind: StorageKind): kind is BlockKind {
  return kind in BLOCKS
}

/** The numbers of a row that a row of the kind is a multiple of. */
export function rowUnit(kind: StorageKind): number {
  return isBlockKind(kind) ? BLOCKS[kind].scalars : 1
}
