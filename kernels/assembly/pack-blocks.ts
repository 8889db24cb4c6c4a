/**
 * Packing of weights that lie in blocks, as pack-weights.ts does it for the other kinds. The summed
 * axis is cut, and panels begin, where sixteen numbers begin that share a scale: a part of the axis
 * is a multiple of 16, a row is whole blocks, and panels are 8 or 16 columns wide.
 */
import {
  blockAt, blockBytes, blockNumbers, blockRowBytes, codesAt, hasLeast, leastsAt, partAt,
  partNumbers, partScaleBytes, partScales, Q4_0, Q4_1, Q4_K, Q5_0, Q5_1, Q5_K, Q6_K, Q8_0, scalesAt,
} from './blocks'
import { loadUpTo4, storeUpTo4 } from './lanes'

/** Bytes of scales while rows are packed: 64 for each of 8 parts, or 8 for each of 512 rows. */
export const SCALES_BYTES: usize = 4096
/** Where the least values of rows lie, after the scales of as many as there may be. */
const LEASTS: usize = SCALES_BYTES / 2

/** to[k·width + p] = W[o+p][i+k], p < count; what lies beyond, nobody looks at. */
export function packBlocksForward(
  kind: i32, width: i32, count: i32, kc: i32, values: usize, I: i32, o: i32, i: i32, to: usize,
  scales: usize,
): void {
  const row = values + <usize>o * blockRowBytes(kind, I)
  if (kind == Q4_0) turnRows(Q4_0, width, count, kc, row, I, i, to, scales)
  else if (kind == Q4_1) turnRows(Q4_1, width, count, kc, row, I, i, to, scales)
  else if (kind == Q5_0) turnRows(Q5_0, width, count, kc, row, I, i, to, scales)
  else if (kind == Q5_1) turnRows(Q5_1, width, count, kc, row, I, i, to, scales)
  else if (kind == Q8_0) turnRows(Q8_0, width, count, kc, row, I, i, to, scales)
  else if (kind == Q4_K) turnRows(Q4_K, width, count, kc, row, I, i, to, scales)
  else if (kind == Q5_K) turnRows(Q5_K, width, count, kc, row, I, i, to, scales)
  else turnRows(Q6_K, width, count, kc, row, I, i, to, scales)
}

/**
 * to[k·width + p] = W[o+k][i+p], p < width. Panels are packed one after the other: the first whose
 * columns share scales leaves these where the others find them.
 */
export function packBlocksBackward(
  kind: i32, width: i32, kc: i32, values: usize, I: i32, o: i32, i: i32, to: usize,
  scales: usize,
): void {
  const row = values + <usize>o * blockRowBytes(kind, I)
  if (kind == Q4_0) copyRows(Q4_0, width, kc, row, I, i, to, scales)
  else if (kind == Q4_1) copyRows(Q4_1, width, kc, row, I, i, to, scales)
  else if (kind == Q5_0) copyRows(Q5_0, width, kc, row, I, i, to, scales)
  else if (kind == Q5_1) copyRows(Q5_1, width, kc, row, I, i, to, scales)
  else if (kind == Q8_0) copyRows(Q8_0, width, kc, row, I, i, to, scales)
  else if (kind == Q4_K) copyRows(Q4_K, width, kc, row, I, i, to, scales)
  else if (kind == Q5_K) copyRows(Q5_K, width, kc, row, I, i, to, scales)
  else copyRows(Q6_K, width, kc, row, I, i, to, scales)
}

// @ts-ignore: decorator
@inline
function turnRows(
  kind: i32, width: i32, count: i32, kc: i32, row: usize, I: i32, i: i32, to: usize, scales: usize,
): void {
  const leading = blockRowBytes(kind, I)
  if (count < width) memory.fill(to, 0, <usize>(kc * width) << 2)
  for (let p = 0; p < count; p += 8) {
    turnEightRows(
      kind, count - p - 1, kc, row, leading, i, to + (<usize>p << 2), <usize>width << 2, scales,
    )
    row += 8 * leading
  }
}

/** Where fewer than eight are left, the last stands in: nobody reads what becomes of it. */
// @ts-ignore: decorator
@inline
function turnEightRows(
  kind: i32, last: i32, kc: i32, row: usize, leading: usize, i: i32, to: usize, step: usize,
  scales: usize,
): void {
  const d1 = <usize>min(1, last) * leading
  const d2 = <usize>min(2, last) * leading
  const d3 = <usize>min(3, last) * leading
  const d4 = <usize>min(4, last) * leading
  const d5 = <usize>min(5, last) * leading
  const d6 = <usize>min(6, last) * leading
  const d7 = <usize>min(7, last) * leading
  let block = blockAt(kind, row, i)
  for (const end = i + kc; i < end;) {
    partScales(kind, block, d1, d2, d3, scales)
    partScales(kind, block + d4, d5 - d4, d6 - d4, d7 - d4, scales + 16)
    const blockEnd = min(end, (i | (blockNumbers(kind) - 1)) + 1)
    for (; i < blockEnd; i += 16) {
      const scale = scales + partScaleBytes(kind) * <usize>partAt(kind, i)
      turnEight(
        kind, codesAt(kind, block, i), codesAt(kind, block + d1, i), codesAt(kind, block + d2, i),
        codesAt(kind, block + d3, i), codesAt(kind, block + d4, i), codesAt(kind, block + d5, i),
        codesAt(kind, block + d6, i), codesAt(kind, block + d7, i), scale, to, step,
      )
      to += 16 * step
    }
    block += <usize>blockBytes(kind)
  }
}

/** Codes are turned as bytes, so that those of a column and the next become one vector. */
// @ts-ignore: decorator
@inline
function turnEight(
  kind: i32, c0: v128, c1: v128, c2: v128, c3: v128, c4: v128, c5: v128, c6: v128, c7: v128,
  scale: usize, to: usize, step: usize,
): void {
  const low04 = lowBytes(c0, c4)
  const low15 = lowBytes(c1, c5)
  const low26 = lowBytes(c2, c6)
  const low37 = lowBytes(c3, c7)
  turnHalf(kind, low04, low15, low26, low37, scale, to, step)
  const high04 = highBytes(c0, c4)
  const high15 = highBytes(c1, c5)
  const high26 = highBytes(c2, c6)
  const high37 = highBytes(c3, c7)
  turnHalf(kind, high04, high15, high26, high37, scale, to + 8 * step, step)
}

/** Eight columns of eight rows, whose codes come in pairs of rows. */
// @ts-ignore: decorator
@inline
function turnHalf(
  kind: i32, c04: v128, c15: v128, c26: v128, c37: v128, scale: usize, to: usize, step: usize,
): void {
  const lowEven = lowBytes(c04, c26)
  const lowOdd = lowBytes(c15, c37)
  storeTwo(kind, lowBytes(lowEven, lowOdd), scale, to, step)
  storeTwo(kind, highBytes(lowEven, lowOdd), scale, to + 2 * step, step)
  const highEven = highBytes(c04, c26)
  const highOdd = highBytes(c15, c37)
  storeTwo(kind, lowBytes(highEven, highOdd), scale, to + 4 * step, step)
  storeTwo(kind, highBytes(highEven, highOdd), scale, to + 6 * step, step)
}

// @ts-ignore: decorator
@inline
function storeTwo(kind: i32, codes: v128, scale: usize, to: usize, step: usize): void {
  storeEight(kind, i16x8.extend_low_i8x16_s(codes), scale, to)
  storeEight(kind, i16x8.extend_high_i8x16_s(codes), scale, to + step)
}

/** A column of eight rows; V8 pairs the vectors. */
// @ts-ignore: decorator
@inline
function storeEight(kind: i32, codes: v128, scale: usize, to: usize): void {
  let x0 = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(codes)), v128.load(scale))
  let x1 = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(codes)), v128.load(scale, 16))
  if (hasLeast(kind)) {
    x0 = f32x4.sub(x0, v128.load(scale, 32))
    x1 = f32x4.sub(x1, v128.load(scale, 48))
  }
  v128.store(to, x0)
  v128.store(to, x1, 16)
}

// @ts-ignore: decorator
@inline
export function lowBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}

// @ts-ignore: decorator
@inline
export function highBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
}

// @ts-ignore: decorator
@inline
function copyRows(
  kind: i32, width: i32, kc: i32, row: usize, I: i32, i: i32, to: usize, scales: usize,
): void {
  const leading = blockRowBytes(kind, I)
  let block = blockAt(kind, row, i)
  if ((i & (partNumbers(kind) - 1)) == 0) rowScales(kind, kc, block, leading, i, scales)
  for (const end = scales + (<usize>kc << 2); scales != end; scales += 4) {
    const scale = v128.load_splat<f32>(scales)
    const least = hasLeast(kind) ? v128.load_splat<f32>(scales, LEASTS) : scale
    const codes = codesAt(kind, block, i)
    if (width == 16) {
      storeNumbers(kind, i16x8.extend_low_i8x16_s(codes), scale, least, to)
      storeNumbers(kind, i16x8.extend_high_i8x16_s(codes), scale, least, to + 32)
      to += 64
    } else {
      const eight = (i & 8) == 0
        ? i16x8.extend_low_i8x16_s(codes)
        : i16x8.extend_high_i8x16_s(codes)
      storeNumbers(kind, eight, scale, least, to)
      to += 32
    }
    block += leading
  }
}

/** Scales and least values of kc rows, four at a time; the last stands in where fewer are left. */
// @ts-ignore: decorator
@inline
function rowScales(
  kind: i32, kc: i32, block: usize, leading: usize, i: i32, scales: usize,
): void {
  for (let k = 0; k < kc; k += 4) {
    const last = kc - k - 1
    const d1 = <usize>min(1, last) * leading
    const d2 = <usize>min(2, last) * leading
    const d3 = <usize>min(3, last) * leading
    v128.store(scales, scalesAt(kind, block, d1, d2, d3, i))
    if (hasLeast(kind)) v128.store(scales, leastsAt(kind, block, d1, d2, d3, i), LEASTS)
    scales += 16
    block += 4 * leading
  }
}

/** Eight codes of a row to its numbers. */
// @ts-ignore: decorator
@inline
function storeNumbers(kind: i32, codes: v128, scale: v128, least: v128, to: usize): void {
  const x0 = widened(kind, i32x4.extend_low_i16x8_s(codes), scale, least)
  const x1 = widened(kind, i32x4.extend_high_i16x8_s(codes), scale, least)
  v128.store(to, x0)
  v128.store(to, x1, 16)
}

// @ts-ignore: decorator
@inline
function widened(kind: i32, codes: v128, scale: v128, least: v128): v128 {
  const product = f32x4.mul(f32x4.convert_i32x4_s(codes), scale)
  return hasLeast(kind) ? f32x4.sub(product, least) : product
}

/** y (I) = the numbers of a row. */
export function widenBlockRow(kind: i32, y: usize, row: usize, I: i32): void {
  if (kind == Q4_0) widenRow(Q4_0, y, row, I)
  else if (kind == Q4_1) widenRow(Q4_1, y, row, I)
  else if (kind == Q5_0) widenRow(Q5_0, y, row, I)
  else if (kind == Q5_1) widenRow(Q5_1, y, row, I)
  else if (kind == Q8_0) widenRow(Q8_0, y, row, I)
  else if (kind == Q4_K) widenRow(Q4_K, y, row, I)
  else if (kind == Q5_K) widenRow(Q5_K, y, row, I)
  else widenRow(Q6_K, y, row, I)
}

// @ts-ignore: decorator
@inline
function widenRow(kind: i32, y: usize, row: usize, I: i32): void {
  for (let i = 0; i < I; i += 16) {
    const block = blockAt(kind, row, i)
    const scale = firstLane(scalesAt(kind, block, 0, 0, 0, i))
    const least = hasLeast(kind) ? firstLane(leastsAt(kind, block, 0, 0, 0, i)) : scale
    const codes = codesAt(kind, block, i)
    storeNumbers(kind, i16x8.extend_low_i8x16_s(codes), scale, least, y)
    storeNumbers(kind, i16x8.extend_high_i8x16_s(codes), scale, least, y + 32)
    y += 64
  }
}

// @ts-ignore: decorator
@inline
function firstLane(x: v128): v128 {
  return v128.shuffle<i32>(x, x, 0, 0, 0, 0)
}

/** Numbers of a row that are turned at a time: with 16 rows they leave room in the first cache. */
const ROW_PART = 256

/**
 * c (O) = or += x (I)·Wᵀ, what row.ts does for the other kinds: 16 outputs at a time, whose numbers
 * are turned into a panel (ROW_PART,16), so that a lane folds an output.
 */
export function rowBlocks(
  kind: i32, values: usize, O: i32, I: i32, x: usize, c: usize, accumulate: bool, panel: usize,
  scales: usize,
): void {
  if (!accumulate) memory.fill(c, 0, <usize>O << 2)
  for (let o = 0; o < O; o += 16) {
    const count = min(16, O - o)
    const to = c + (<usize>o << 2)
    let c0 = loadUpTo4(to, count)
    let c1 = count > 4 ? loadUpTo4(to + 16, count - 4) : c0
    let c2 = count > 8 ? loadUpTo4(to + 32, count - 8) : c0
    let c3 = count > 12 ? loadUpTo4(to + 48, count - 12) : c0
    for (let i = 0; i < I; i += ROW_PART) {
      const kc = min(ROW_PART, I - i)
      packBlocksForward(kind, 16, count, kc, values, I, o, i, panel, scales)
      let from = x + (<usize>i << 2)
      let numbers = panel
      for (const end = panel + (<usize>kc << 6); numbers != end; numbers += 64) {
        const factor = v128.load_splat<f32>(from)
        c0 = f32x4.add(c0, f32x4.mul(factor, v128.load(numbers)))
        c1 = f32x4.add(c1, f32x4.mul(factor, v128.load(numbers, 16)))
        c2 = f32x4.add(c2, f32x4.mul(factor, v128.load(numbers, 32)))
        c3 = f32x4.add(c3, f32x4.mul(factor, v128.load(numbers, 48)))
        from += 4
      }
    }
    storeUpTo4(to, c0, count)
    if (count > 4) storeUpTo4(to + 16, c1, count - 4)
    if (count > 8) storeUpTo4(to + 32, c2, count - 8)
    if (count > 12) storeUpTo4(to + 48, c3, count - 12)
  }
}
