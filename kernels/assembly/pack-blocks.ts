/**
 * Packing of weights that lie in blocks, as pack-weights.ts does it for the other kinds. The summed
 * axis is cut, and panels begin, where sixteen numbers begin that share a scale: a part of the axis
 * is a multiple of 16, a row is whole blocks, and panels are 8 or 16 columns wide.
 */
import {
  blockAt, blockRowBytes, codesAt, hasLeast, leastsAt, Q4_0, Q4_1, Q4_K, Q5_0, Q5_1, Q5_K, Q6_K,
  Q8_0, scalesAt,
} from './blocks'
import { loadUpTo4, storeUpTo4 } from './lanes'

/** to[k·width + p] = W[o+p][i+k], p < count; what lies beyond, nobody looks at. */
export function packBlocksForward(
  kind: i32, width: i32, count: i32, kc: i32, values: usize, I: i32, o: i32, i: i32, to: usize,
): void {
  const row = values + <usize>o * blockRowBytes(kind, I)
  if (kind == Q4_0) turnRows(Q4_0, width, count, kc, row, I, i, to)
  else if (kind == Q4_1) turnRows(Q4_1, width, count, kc, row, I, i, to)
  else if (kind == Q5_0) turnRows(Q5_0, width, count, kc, row, I, i, to)
  else if (kind == Q5_1) turnRows(Q5_1, width, count, kc, row, I, i, to)
  else if (kind == Q8_0) turnRows(Q8_0, width, count, kc, row, I, i, to)
  else if (kind == Q4_K) turnRows(Q4_K, width, count, kc, row, I, i, to)
  else if (kind == Q5_K) turnRows(Q5_K, width, count, kc, row, I, i, to)
  else turnRows(Q6_K, width, count, kc, row, I, i, to)
}

/** to[k·width + p] = W[o+k][i+p], p < width. */
export function packBlocksBackward(
  kind: i32, width: i32, kc: i32, values: usize, I: i32, o: i32, i: i32, to: usize,
): void {
  const row = values + <usize>o * blockRowBytes(kind, I)
  if (kind == Q4_0) copyRows(Q4_0, width, kc, row, I, i, to)
  else if (kind == Q4_1) copyRows(Q4_1, width, kc, row, I, i, to)
  else if (kind == Q5_0) copyRows(Q5_0, width, kc, row, I, i, to)
  else if (kind == Q5_1) copyRows(Q5_1, width, kc, row, I, i, to)
  else if (kind == Q8_0) copyRows(Q8_0, width, kc, row, I, i, to)
  else if (kind == Q4_K) copyRows(Q4_K, width, kc, row, I, i, to)
  else if (kind == Q5_K) copyRows(Q5_K, width, kc, row, I, i, to)
  else copyRows(Q6_K, width, kc, row, I, i, to)
}

// @ts-ignore: decorator
@inline
function turnRows(
  kind: i32, width: i32, count: i32, kc: i32, row: usize, I: i32, i: i32, to: usize,
): void {
  const leading = blockRowBytes(kind, I)
  if (count < width) memory.fill(to, 0, <usize>(kc * width) << 2)
  for (let p = 0; p < count; p += 4) {
    // Where fewer than four are left, the last stands in: nobody reads what becomes of it.
    const left = count - p - 1
    const d1 = <usize>min(1, left) * leading
    const d2 = <usize>min(2, left) * leading
    const d3 = <usize>min(3, left) * leading
    turnFourRows(kind, kc, row, d1, d2, d3, i, to + (<usize>p << 2), <usize>width << 2)
    row += 4 * leading
  }
}

/** Codes are turned as bytes: four of four rows are a word of one of sixteen columns. */
// @ts-ignore: decorator
@inline
function turnFourRows(
  kind: i32, kc: i32, row: usize, d1: usize, d2: usize, d3: usize, i: i32, to: usize, step: usize,
): void {
  for (const end = i + kc; i < end; i += 16) {
    const block = blockAt(kind, row, i)
    const scale = scalesAt(kind, block, d1, d2, d3, i)
    const least = hasLeast(kind) ? leastsAt(kind, block, d1, d2, d3, i) : scale
    const c0 = codesAt(kind, block, i)
    const c1 = codesAt(kind, block + d1, i)
    const c2 = codesAt(kind, block + d2, i)
    const c3 = codesAt(kind, block + d3, i)
    const low01 = i8x16.shuffle(c0, c1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
    const low23 = i8x16.shuffle(c2, c3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
    const high01 = i8x16.shuffle(
      c0, c1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31,
    )
    const high23 = i8x16.shuffle(
      c2, c3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31,
    )
    const words0 = v128.shuffle<i16>(low01, low23, 0, 8, 1, 9, 2, 10, 3, 11)
    const words1 = v128.shuffle<i16>(low01, low23, 4, 12, 5, 13, 6, 14, 7, 15)
    const words2 = v128.shuffle<i16>(high01, high23, 0, 8, 1, 9, 2, 10, 3, 11)
    const words3 = v128.shuffle<i16>(high01, high23, 4, 12, 5, 13, 6, 14, 7, 15)
    storeColumns(kind, words0, scale, least, to, step)
    storeColumns(kind, words1, scale, least, to + 4 * step, step)
    storeColumns(kind, words2, scale, least, to + 8 * step, step)
    storeColumns(kind, words3, scale, least, to + 12 * step, step)
    to += 16 * step
  }
}

/** Sixteen codes to four vectors of numbers, `step` bytes apart. */
// @ts-ignore: decorator
@inline
function storeColumns(
  kind: i32, codes: v128, scale: v128, least: v128, to: usize, step: usize,
): void {
  const low = i16x8.extend_low_i8x16_s(codes)
  const high = i16x8.extend_high_i8x16_s(codes)
  v128.store(to, widened(kind, i32x4.extend_low_i16x8_s(low), scale, least))
  v128.store(to + step, widened(kind, i32x4.extend_high_i16x8_s(low), scale, least))
  v128.store(to + 2 * step, widened(kind, i32x4.extend_low_i16x8_s(high), scale, least))
  v128.store(to + 3 * step, widened(kind, i32x4.extend_high_i16x8_s(high), scale, least))
}

// @ts-ignore: decorator
@inline
function widened(kind: i32, codes: v128, scale: v128, least: v128): v128 {
  const product = f32x4.mul(f32x4.convert_i32x4_s(codes), scale)
  return hasLeast(kind) ? f32x4.sub(product, least) : product
}

/** Four rows at a time, whose scales are made together; the last stands in where fewer are left. */
// @ts-ignore: decorator
@inline
function copyRows(
  kind: i32, width: i32, kc: i32, row: usize, I: i32, i: i32, to: usize,
): void {
  const leading = blockRowBytes(kind, I)
  const step = <usize>width << 2
  let block = blockAt(kind, row, i)
  for (let k = 0; k < kc; k += 4) {
    const left = kc - k - 1
    const d1 = <usize>min(1, left) * leading
    const d2 = <usize>min(2, left) * leading
    const d3 = <usize>min(3, left) * leading
    const scale = scalesAt(kind, block, d1, d2, d3, i)
    const least = hasLeast(kind) ? leastsAt(kind, block, d1, d2, d3, i) : scale
    copyPart(kind, width, 0, block, i, scale, least, to)
    if (left > 0) copyPart(kind, width, 1, block + d1, i, scale, least, to + step)
    if (left > 1) copyPart(kind, width, 2, block + d2, i, scale, least, to + 2 * step)
    if (left > 2) copyPart(kind, width, 3, block + d3, i, scale, least, to + 3 * step)
    block += 4 * leading
    to += 4 * step
  }
}

/** 16 numbers from i on, or 8: the first or the second half of those that share a scale. */
// @ts-ignore: decorator
@inline
function copyPart(
  kind: i32, width: i32, lane: i32, block: usize, i: i32, scales: v128, leasts: v128, to: usize,
): void {
  const scale = splatLane(scales, lane)
  const least = splatLane(leasts, lane)
  const codes = codesAt(kind, block, i)
  if (width == 16) return storeColumns(kind, codes, scale, least, to, 16)
  const eight = (i & 8) == 0
    ? i16x8.extend_low_i8x16_s(codes)
    : i16x8.extend_high_i8x16_s(codes)
  v128.store(to, widened(kind, i32x4.extend_low_i16x8_s(eight), scale, least))
  v128.store(to, widened(kind, i32x4.extend_high_i16x8_s(eight), scale, least), 16)
}

// @ts-ignore: decorator
@inline
function splatLane(x: v128, lane: i32): v128 {
  if (lane == 0) return v128.shuffle<i32>(x, x, 0, 0, 0, 0)
  if (lane == 1) return v128.shuffle<i32>(x, x, 1, 1, 1, 1)
  if (lane == 2) return v128.shuffle<i32>(x, x, 2, 2, 2, 2)
  return v128.shuffle<i32>(x, x, 3, 3, 3, 3)
}

/** y (I) = the numbers of a row. */
export function widenBlockRow(kind: i32, y: usize, row: usize, I: i32): void {
  for (let i = 0; i < I; i += 16) packBlocksBackward(kind, 16, 1, row, I, 0, i, y + (<usize>i << 2))
}

/** Numbers of a row that are turned at a time: with 16 rows they leave room in the first cache. */
const ROW_PART = 256

/**
 * c (O) = or += x (I)·Wᵀ, what row.ts does for the other kinds: 16 outputs at a time, whose numbers
 * are turned into a panel (ROW_PART,16), so that a lane folds an output.
 */
export function rowBlocks(
  kind: i32, values: usize, O: i32, I: i32, x: usize, c: usize, accumulate: bool, panel: usize,
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
      packBlocksForward(kind, 16, count, kc, values, I, o, i, panel)
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
