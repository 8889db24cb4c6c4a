/**
 * Packing of blocks of 256 numbers for the integer path, backwards, where the summed axis runs from
 * row to row of W: cells are two rows of a column, and the blocks' factors, which lie along that
 * axis, are multiplied into dy. Else as in pack-codes-forward.ts.
 */
import {
  blockAt, blockBytes, blockRowBytes, halvesAt, partAt, partNumbers, Q4_K, Q5_K, Q6_K,
} from './blocks'
import { highBytes, lowBytes } from './pack-blocks'
import { codesFromMiddle, leastFromMiddle } from './pack-codes-forward'

/** to[k]: the factor of the block with number i of row o+k, k < kc. */
export function packFactors(
  kind: i32, kc: i32, values: usize, I: i32, o: i32, i: i32, to: usize,
): void {
  const leading = blockRowBytes(kind, I)
  let block = blockAt(kind, values + <usize>o * leading, i) + (kind == Q6_K ? 208 : 0)
  for (let k = 0; k < kc; k += 4) {
    const last = kc - k - 1
    const d1 = <usize>min(1, last) * leading
    const d2 = <usize>min(2, last) * leading
    const d3 = <usize>min(3, last) * leading
    v128.store(to, halvesAt(block, d1, d2, d3))
    to += 16
    block += 4 * leading
  }
}

/**
 * Numbers i .. i+width-1 of rows o .. o+kc-1, each two rows as one row of cells. Panels are packed
 * one after the other: the first of a part leaves its codes where the others find them.
 */
export function packBlockCodesBackward(
  kind: i32, width: i32, kc: i32, values: usize, I: i32, o: i32, i: i32, to: usize,
  partCodes: usize,
): void {
  const row = values + <usize>o * blockRowBytes(kind, I)
  if (kind == Q4_K) pairRows(Q4_K, width, kc, row, I, i, to, partCodes)
  else if (kind == Q5_K) pairRows(Q5_K, width, kc, row, I, i, to, partCodes)
  else pairRows(Q6_K, width, kc, row, I, i, to, partCodes)
}

// @ts-ignore: decorator
@inline
function pairRows(
  kind: i32, width: i32, kc: i32, row: usize, I: i32, i: i32, to: usize, partCodes: usize,
): void {
  const leading = blockRowBytes(kind, I)
  let block = blockAt(kind, row, i)
  if ((i & (partNumbers(kind) - 1)) == 0) codesOfPart(kind, kc, block, leading, i, partCodes)
  for (let k = 0; k < kc; k += 2) {
    const x = codesFromMiddle(kind, block, i)
    const y = k + 1 < kc ? codesFromMiddle(kind, block + leading, i) : i8x16.splat(0)
    const factors = v128.load_splat<i32>(partCodes)
    if (width == 16) {
      storeCells(lowBytes(x, y), factors, to)
      storeCells(highBytes(x, y), factors, to + 32)
      to += 64
    } else {
      storeCells((i & 8) == 0 ? lowBytes(x, y) : highBytes(x, y), factors, to)
      to += 32
    }
    partCodes += 4
    block += 2 * leading
  }
}

/** Eight columns of two rows. */
// @ts-ignore: decorator
@inline
function storeCells(codes: v128, factors: v128, to: usize): void {
  v128.store(to, i16x8.mul(i16x8.extend_low_i8x16_s(codes), factors))
  v128.store(to, i16x8.mul(i16x8.extend_high_i8x16_s(codes), factors), 16)
}

/** int16: what a part's codes are multiplied with, of each of kc rows. */
// @ts-ignore: decorator
@inline
function codesOfPart(
  kind: i32, kc: i32, block: usize, leading: usize, i: i32, partCodes: usize,
): void {
  const part = <usize>partAt(kind, i)
  for (const end = partCodes + (<usize>kc << 1); partCodes != end; partCodes += 2) {
    if (kind == Q6_K) store<i16>(partCodes, load<i8>(block + 192 + part))
    else if (part < 4) store<i16>(partCodes, load<u8>(block + 4 + part) & 63)
    else {
      const low = load<u8>(block + 8 + part) & 15
      store<i16>(partCodes, low | ((load<u8>(block + part) >> 6) << 4))
    }
    block += leading
  }
}

/** to[k·width + p]: the least value of part p, from number i on, of row o+k; p < count. */
export function packLeastsBackward(
  kind: i32, width: i32, count: i32, kc: i32, values: usize, I: i32, o: i32, i: i32, to: usize,
): void {
  if (kind == Q4_K) leastRows(Q4_K, width, count, kc, values, I, o, i, to)
  else leastRows(Q5_K, width, count, kc, values, I, o, i, to)
}

// @ts-ignore: decorator
@inline
function leastRows(
  kind: i32, width: i32, count: i32, kc: i32, values: usize, I: i32, o: i32, i: i32, to: usize,
): void {
  const leading = blockRowBytes(kind, I)
  let row = blockAt(kind, values + <usize>o * leading, i)
  for (let k = 0; k < kc; k++) {
    let block = row
    const end = to + (<usize>count << 2)
    for (let cell = to; cell != end; cell += 32) {
      const halves = halvesAt(block, 2, 0, 0)
      const d = v128.shuffle<i32>(halves, halves, 0, 0, 0, 0)
      const m = v128.shuffle<i32>(halves, halves, 1, 1, 1, 1)
      const w0 = load<u32>(block, 4)
      const w1 = load<u32>(block, 8)
      const w2 = load<u32>(block, 12)
      const upper0 = (w2 & 0x0f0f0f0f) | ((w0 >> 2) & 0x30303030)
      const upper1 = ((w2 >> 4) & 0x0f0f0f0f) | ((w1 >> 2) & 0x30303030)
      storeLeasts(kind, w0 & 0x3f3f3f3f, w1 & 0x3f3f3f3f, d, m, cell)
      storeLeasts(kind, upper0, upper1, d, m, cell + 16)
      block += <usize>blockBytes(kind)
    }
    to += <usize>width << 2
    row += leading
  }
}

/** Least values of four parts of a row, whose codes are the bytes of a word. */
// @ts-ignore: decorator
@inline
function storeLeasts(kind: i32, scales: u32, mins: u32, d: v128, m: v128, to: usize): void {
  const scale = f32x4.mul(d, bytesOf(scales))
  v128.store(to, leastFromMiddle(kind, scale, f32x4.mul(m, bytesOf(mins))))
}

// @ts-ignore: decorator
@inline
function bytesOf(word: u32): v128 {
  const halves = i16x8.extend_low_i8x16_u(i32x4.splat(word))
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(halves))
}
