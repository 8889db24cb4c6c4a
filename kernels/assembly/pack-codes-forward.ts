/**
 * Packing of blocks for the integer path, forwards: panels of cells, each two int16 that are
 * neighbours along a row of W. A block of 256 numbers has codes for the scales of its parts, too:
 * these are multiplied into the numbers' codes, so that one factor is left for the whole block.
 * Codes that are never negative are counted from the middle of what they can be; what that leaves
 * out goes into the least values. The axis and the panels are cut as in pack-blocks.ts.
 */
import {
  blockAt, blockNumbers, blockRowBytes, codesAt, halvesAt, hasLeast, partAt, Q4_0, Q4_1, Q4_K, Q5_0,
  Q5_1, Q5_K, Q6_K, Q8_0, wordsAt,
} from './blocks'

/** What is subtracted from codes: 0 where they are of either sign. */
// @ts-ignore: decorator
@inline
function middle(kind: i32): i32 {
  if (!hasLeast(kind)) return 0
  return kind == Q4_1 || kind == Q4_K ? 8 : 16
}

/** The codes of numbers i .. i+15 of a row, as int8, counted from the middle. */
// @ts-ignore: decorator
@inline
export function codesFromMiddle(kind: i32, block: usize, i: i32): v128 {
  const codes = codesAt(kind, block, i)
  return hasLeast(kind) ? i8x16.sub(codes, i8x16.splat(<i8>middle(kind))) : codes
}

/**
 * Numbers i .. i+kc-1 of rows o .. o+count-1 of W, whole blocks of them, as columns of cells. A row
 * of 16 floats at `scales` for each block; where there are least values, a row of `width` at
 * `leasts` for each 32 numbers. What lies beyond `count`, nobody looks at.
 * @param partCodes room for those of eight rows
 */
export function packBlockCodesForward(
  kind: i32, width: i32, count: i32, kc: i32, values: usize, I: i32, o: i32, i: i32, to: usize,
  scales: usize, leasts: usize, partCodes: usize,
): void {
  const row = values + <usize>o * blockRowBytes(kind, I)
  if (count < width) memory.fill(to, 0, <usize>(kc * width) << 1)
  if (kind == Q4_0) turnRows(Q4_0, width, count, kc, row, I, i, to, scales, leasts, partCodes)
  else if (kind == Q4_1) turnRows(Q4_1, width, count, kc, row, I, i, to, scales, leasts, partCodes)
  else if (kind == Q5_0) turnRows(Q5_0, width, count, kc, row, I, i, to, scales, leasts, partCodes)
  else if (kind == Q5_1) turnRows(Q5_1, width, count, kc, row, I, i, to, scales, leasts, partCodes)
  else if (kind == Q8_0) turnRows(Q8_0, width, count, kc, row, I, i, to, scales, leasts, partCodes)
  else if (kind == Q4_K) turnRows(Q4_K, width, count, kc, row, I, i, to, scales, leasts, partCodes)
  else if (kind == Q5_K) turnRows(Q5_K, width, count, kc, row, I, i, to, scales, leasts, partCodes)
  else turnRows(Q6_K, width, count, kc, row, I, i, to, scales, leasts, partCodes)
}

// @ts-ignore: decorator
@inline
function turnRows(
  kind: i32, width: i32, count: i32, kc: i32, row: usize, I: i32, i: i32, to: usize,
  scales: usize, leasts: usize, partCodes: usize,
): void {
  const leading = blockRowBytes(kind, I)
  for (let p = 0; p < count; p += 8) {
    const at = <usize>p << 2
    turnEightRows(
      kind, count - p - 1, kc, row, leading, i, to + at, <usize>width << 2, scales + at,
      leasts + at, partCodes,
    )
    row += 8 * leading
  }
}

/** Where fewer than eight are left, the last stands in: nobody reads what becomes of it. */
// @ts-ignore: decorator
@inline
function turnEightRows(
  kind: i32, last: i32, kc: i32, row: usize, leading: usize, i: i32, to: usize, step: usize,
  scales: usize, leasts: usize, partCodes: usize,
): void {
  const d1 = <usize>min(1, last) * leading
  const d2 = <usize>min(2, last) * leading
  const d3 = <usize>min(3, last) * leading
  const d4 = <usize>min(4, last) * leading
  const d5 = <usize>min(5, last) * leading
  const d6 = <usize>min(6, last) * leading
  const d7 = <usize>min(7, last) * leading
  let block = blockAt(kind, row, i)
  for (const end = i + kc; i < end; i += 16) {
    if ((i & (blockNumbers(kind) - 1)) == 0) {
      block = blockAt(kind, row, i)
      scalesOfFour(kind, block, d1, d2, d3, scales, leasts, step, partCodes)
      scalesOfFour(
        kind, block + d4, d5 - d4, d6 - d4, d7 - d4, scales + 16, leasts + 16, step,
        partCodes + 16,
      )
      scales += 64
      leasts += step
    }
    turnEight(
      kind, codesFromMiddle(kind, block, i), codesFromMiddle(kind, block + d1, i),
      codesFromMiddle(kind, block + d2, i), codesFromMiddle(kind, block + d3, i),
      codesFromMiddle(kind, block + d4, i), codesFromMiddle(kind, block + d5, i),
      codesFromMiddle(kind, block + d6, i), codesFromMiddle(kind, block + d7, i),
      partCodes + 32 * <usize>partAt(kind, i), to, step,
    )
    to += 8 * step
  }
}

/** Factors, least values and codes of parts that the blocks of four rows have. */
// @ts-ignore: decorator
@inline
function scalesOfFour(
  kind: i32, block: usize, d1: usize, d2: usize, d3: usize, scales: usize, leasts: usize,
  step: usize, partCodes: usize,
): void {
  if (kind == Q6_K) {
    v128.store(scales, halvesAt(block + 208, d1, d2, d3))
    for (let part: usize = 0; part < 16; part += 4) {
      const words = wordsAt(block + 192 + part, d1, d2, d3)
      for (let bit = 24; bit >= 0; bit -= 8) {
        v128.store(partCodes, twice(i32x4.shr_s(i32x4.shl(words, bit), 24)))
        partCodes += 32
      }
    }
    return
  }
  const d = halvesAt(block, d1, d2, d3)
  v128.store(scales, d)
  if (!hasLeast(kind)) return
  const m = halvesAt(block + 2, d1, d2, d3)
  if (kind < Q4_K) {
    v128.store(leasts, leastFromMiddle(kind, d, f32x4.neg(m)))
    return
  }
  const w0 = wordsAt(block + 4, d1, d2, d3)
  const w1 = wordsAt(block + 8, d1, d2, d3)
  const w2 = wordsAt(block + 12, d1, d2, d3)
  const six = i8x16.splat(63)
  const four = i8x16.splat(15)
  const top = i8x16.splat(48)
  const upper0 = v128.or(v128.and(w2, four), v128.and(i32x4.shr_u(w0, 2), top))
  const upper1 = v128.or(v128.and(i32x4.shr_u(w2, 4), four), v128.and(i32x4.shr_u(w1, 2), top))
  fourParts(kind, v128.and(w0, six), v128.and(w1, six), d, m, leasts, step, partCodes)
  fourParts(kind, upper0, upper1, d, m, leasts + 4 * step, step, partCodes + 128)
}

/** Four parts of four rows, whose codes are the bytes of a lane. */
// @ts-ignore: decorator
@inline
function fourParts(
  kind: i32, scales: v128, mins: v128, d: v128, m: v128, leasts: usize, step: usize,
  partCodes: usize,
): void {
  for (let bit = 24; bit >= 0; bit -= 8) {
    const code = i32x4.shr_u(i32x4.shl(scales, bit), 24)
    const scale = f32x4.mul(d, f32x4.convert_i32x4_s(code))
    const min = i32x4.shr_u(i32x4.shl(mins, bit), 24)
    const least = f32x4.mul(m, f32x4.convert_i32x4_s(min))
    v128.store(leasts, leastFromMiddle(kind, scale, least))
    v128.store(partCodes, twice(code))
    leasts += step
    partCodes += 32
  }
}

/** What is subtracted from products of scales and codes that are counted from the middle. */
// @ts-ignore: decorator
@inline
export function leastFromMiddle(kind: i32, scale: v128, least: v128): v128 {
  return f32x4.sub(least, f32x4.mul(scale, f32x4.splat(<f32>middle(kind))))
}

/** The lower half of each lane in both halves. */
// @ts-ignore: decorator
@inline
function twice(codes: v128): v128 {
  return v128.or(v128.and(codes, i32x4.splat(0xffff)), i32x4.shl(codes, 16))
}

/** Codes are turned in pairs, a cell each. */
// @ts-ignore: decorator
@inline
function turnEight(
  kind: i32, c0: v128, c1: v128, c2: v128, c3: v128, c4: v128, c5: v128, c6: v128, c7: v128,
  partCodes: usize, to: usize, step: usize,
): void {
  const low04 = lowPairs(c0, c4)
  const low15 = lowPairs(c1, c5)
  const low26 = lowPairs(c2, c6)
  const low37 = lowPairs(c3, c7)
  turnHalf(kind, low04, low15, low26, low37, partCodes, to, step)
  const high04 = highPairs(c0, c4)
  const high15 = highPairs(c1, c5)
  const high26 = highPairs(c2, c6)
  const high37 = highPairs(c3, c7)
  turnHalf(kind, high04, high15, high26, high37, partCodes, to + 4 * step, step)
}

// @ts-ignore: decorator
@inline
function turnHalf(
  kind: i32, c04: v128, c15: v128, c26: v128, c37: v128, partCodes: usize, to: usize, step: usize,
): void {
  const lowEven = lowPairs(c04, c26)
  const lowOdd = lowPairs(c15, c37)
  storeCells(kind, lowPairs(lowEven, lowOdd), partCodes, to)
  storeCells(kind, highPairs(lowEven, lowOdd), partCodes, to + step)
  const highEven = highPairs(c04, c26)
  const highOdd = highPairs(c15, c37)
  storeCells(kind, lowPairs(highEven, highOdd), partCodes, to + 2 * step)
  storeCells(kind, highPairs(highEven, highOdd), partCodes, to + 3 * step)
}

/** A cell of each of eight rows. */
// @ts-ignore: decorator
@inline
function storeCells(kind: i32, codes: v128, partCodes: usize, to: usize): void {
  let x0 = i16x8.extend_low_i8x16_s(codes)
  let x1 = i16x8.extend_high_i8x16_s(codes)
  if (kind >= Q4_K) {
    x0 = i16x8.mul(x0, v128.load(partCodes))
    x1 = i16x8.mul(x1, v128.load(partCodes, 16))
  }
  v128.store(to, x0)
  v128.store(to, x1, 16)
}

// @ts-ignore: decorator
@inline
function lowPairs(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
}

// @ts-ignore: decorator
@inline
function highPairs(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
}
