/**
 * The blocks of kernels/blocks.ts, sixteen numbers of a row at a time: they lie in one block and
 * share scale and least value. Four rows are looked at together, as both packings and a single row
 * want them, so that a vector holds the scales of four; rows 0 bytes apart are the same one.
 */
import { widenFour } from './weights'

/** The order of STORAGE_KINDS in kernels/frozen.ts goes on. */
export const Q4_0 = 4
export const Q4_1 = 5
export const Q5_0 = 6
export const Q5_1 = 7
export const Q8_0 = 8
export const Q4_K = 9
export const Q5_K = 10
export const Q6_K = 11

/** The bit of each of eight numbers in a byte. */
const BITS = memory.data<u8>([1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128])
/** Twice eight times one of the first two bytes. */
const SPREAD = memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1])

// @ts-ignore: decorator
@inline
export function isBlocks(kind: i32): bool {
  return kind >= Q4_0
}

/** The numbers of a block, as a power of two. */
// @ts-ignore: decorator
@inline
function blockShift(kind: i32): i32 {
  return kind >= Q4_K ? 8 : 5
}

// @ts-ignore: decorator
@inline
export function blockNumbers(kind: i32): i32 {
  return 1 << blockShift(kind)
}

/** Numbers that share scale and least value. */
// @ts-ignore: decorator
@inline
export function partNumbers(kind: i32): i32 {
  return kind == Q6_K ? 16 : 32
}

/** The part of its block that number i of a row is in. */
// @ts-ignore: decorator
@inline
export function partAt(kind: i32, i: i32): i32 {
  return (i & (blockNumbers(kind) - 1)) / partNumbers(kind)
}

// @ts-ignore: decorator
@inline
export function blockBytes(kind: i32): i32 {
  if (kind == Q4_0) return 18
  if (kind == Q4_1) return 20
  if (kind == Q5_0) return 22
  if (kind == Q5_1) return 24
  if (kind == Q8_0) return 34
  if (kind == Q4_K) return 144
  return kind == Q5_K ? 176 : 210
}

/** Bytes of a row of I numbers. */
export function blockRowBytes(kind: i32, I: i32): usize {
  return <usize>((I >> blockShift(kind)) * blockBytes(kind))
}

/** The block of number i of a row. */
// @ts-ignore: decorator
@inline
export function blockAt(kind: i32, row: usize, i: i32): usize {
  return row + <usize>((i >> blockShift(kind)) * blockBytes(kind))
}

// @ts-ignore: decorator
@inline
export function hasLeast(kind: i32): bool {
  return kind == Q4_1 || kind == Q5_1 || kind == Q4_K || kind == Q5_K
}

/** The codes of numbers i .. i+15 of a row, i a multiple of 16, as int8; `block` is theirs. */
// @ts-ignore: decorator
@inline
export function codesAt(kind: i32, block: usize, i: i32): v128 {
  if (kind == Q8_0) return v128.load(block + 2 + <usize>(i & 16))
  if (kind == Q4_0) return i8x16.sub(nibbles(block + 2, (i & 16) >> 2), i8x16.splat(8))
  if (kind == Q4_1) return nibbles(block + 4, (i & 16) >> 2)
  if (kind == Q5_0) {
    const low = nibbles(block + 6, (i & 16) >> 2)
    return i8x16.sub(v128.or(low, fifths(block + 2 + <usize>((i & 16) >> 3))), i8x16.splat(16))
  }
  if (kind == Q5_1) {
    return v128.or(
      nibbles(block + 8, (i & 16) >> 2), fifths(block + 4 + <usize>((i & 16) >> 3)),
    )
  }
  // Within 256 numbers: two halves of four quarters of 32.
  const place = <usize>(i & 16)
  const part = (i >> 5) & 7
  if (kind == Q6_K) {
    const quarter = part & 3
    const low = block + <usize>(64 * (part >> 2) + 32 * (quarter & 1)) + place
    const high = v128.load(block + 128 + <usize>(32 * (part >> 2)) + place)
    const top = v128.and(i16x8.shr_u(high, 2 * quarter), i8x16.splat(3))
    return i8x16.sub(
      v128.or(nibbles(low, (quarter >> 1) << 2), i16x8.shl(top, 4)), i8x16.splat(32),
    )
  }
  const from = block + <usize>((kind == Q4_K ? 16 : 48) + 32 * (part >> 1)) + place
  const low = nibbles(from, (part & 1) << 2)
  if (kind == Q4_K) return low
  const fifth = v128.and(i16x8.shr_u(v128.load(block + 16 + place), part), i8x16.splat(1))
  return v128.or(low, i16x8.shl(fifth, 4))
}

/** The lower halves of sixteen bytes, or with a shift of 4 the upper ones. */
// @ts-ignore: decorator
@inline
function nibbles(from: usize, shift: i32): v128 {
  return v128.and(i16x8.shr_u(v128.load(from), shift), i8x16.splat(15))
}

/** Sixteen bits, as 16 where they are set. */
// @ts-ignore: decorator
@inline
function fifths(from: usize): v128 {
  const spread = i8x16.swizzle(v128.load_zero<u32>(from), v128.load(SPREAD))
  const bits = v128.load(BITS)
  return v128.and(i8x16.eq(v128.and(spread, bits), bits), i8x16.splat(16))
}

/** The float16 of four rows: the first at `at`, the others d1, d2 and d3 bytes after it. */
// @ts-ignore: decorator
@inline
export function halvesAt(at: usize, d1: usize, d2: usize, d3: usize): v128 {
  const zero = i32x4.splat(<i32>load<i16>(at))
  const one = i32x4.replace_lane(zero, 1, <i32>load<i16>(at + d1))
  const two = i32x4.replace_lane(one, 2, <i32>load<i16>(at + d2))
  return widenFour(i32x4.replace_lane(two, 3, <i32>load<i16>(at + d3)))
}

/** 32 bits of each of four rows. */
// @ts-ignore: decorator
@inline
export function wordsAt(at: usize, d1: usize, d2: usize, d3: usize): v128 {
  const zero = v128.load_zero<u32>(at)
  const one = v128.load_lane<u32>(at + d1, zero, 1)
  const two = v128.load_lane<u32>(at + d2, one, 2)
  return v128.load_lane<u32>(at + d3, two, 3)
}

/** The scales of numbers i .. i+15 of four rows; `block` is that of the first. */
// @ts-ignore: decorator
@inline
export function scalesAt(
  kind: i32, block: usize, d1: usize, d2: usize, d3: usize, i: i32,
): v128 {
  if (kind < Q4_K) return halvesAt(block, d1, d2, d3)
  if (kind == Q6_K) {
    const at = block + 192 + <usize>((i >> 4) & 15)
    const zero = i32x4.splat(<i32>load<i8>(at))
    const one = i32x4.replace_lane(zero, 1, <i32>load<i8>(at + d1))
    const two = i32x4.replace_lane(one, 2, <i32>load<i8>(at + d2))
    const codes = i32x4.replace_lane(two, 3, <i32>load<i8>(at + d3))
    return f32x4.mul(halvesAt(block + 208, d1, d2, d3), f32x4.convert_i32x4_s(codes))
  }
  const codes = sixBits(wordsAt(block + 4, d1, d2, d3), block, d1, d2, d3, i, 0)
  return f32x4.mul(halvesAt(block, d1, d2, d3), f32x4.convert_i32x4_s(codes))
}

/** What is subtracted from the products of codes and scales, likewise. */
// @ts-ignore: decorator
@inline
export function leastsAt(
  kind: i32, block: usize, d1: usize, d2: usize, d3: usize, i: i32,
): v128 {
  if (kind < Q4_K) return f32x4.neg(halvesAt(block + 2, d1, d2, d3))
  const codes = sixBits(wordsAt(block + 8, d1, d2, d3), block, d1, d2, d3, i, 4)
  return f32x4.mul(halvesAt(block + 2, d1, d2, d3), f32x4.convert_i32x4_s(codes))
}

/**
 * Six bits of the part that number i is in. `words` has those of the first four parts, a byte each;
 * for the others the two upper bits are there, and four are in a half of a byte of the third word.
 */
// @ts-ignore: decorator
@inline
function sixBits(
  words: v128, block: usize, d1: usize, d2: usize, d3: usize, i: i32, half: i32,
): v128 {
  const part = (i >> 5) & 7
  const shift = 8 * (part & 3)
  const bytes = i32x4.shr_u(words, shift)
  if (part < 4) return v128.and(bytes, i32x4.splat(63))
  const low = i32x4.shr_u(wordsAt(block + 12, d1, d2, d3), shift + half)
  const high = v128.and(i32x4.shr_u(bytes, 2), i32x4.splat(48))
  return v128.or(v128.and(low, i32x4.splat(15)), high)
}

/** Bytes from the scales of eight rows in a part to those in the next: see `partScales`. */
// @ts-ignore: decorator
@inline
export function partScaleBytes(kind: i32): usize {
  return hasLeast(kind) ? 64 : 32
}

/**
 * The scales of all parts of four rows' blocks, a vector for each part; the least values, where
 * there are any, 32 bytes after the scales. What is left between is for four rows more.
 */
// @ts-ignore: decorator
@inline
export function partScales(
  kind: i32, block: usize, d1: usize, d2: usize, d3: usize, to: usize,
): void {
  if (kind < Q4_K) {
    v128.store(to, scalesAt(kind, block, d1, d2, d3, 0))
    if (hasLeast(kind)) v128.store(to, leastsAt(kind, block, d1, d2, d3, 0), 32)
    return
  }
  if (kind == Q6_K) {
    const d = halvesAt(block + 208, d1, d2, d3)
    for (let part: usize = 0; part < 16; part += 4) {
      const words = wordsAt(block + 192 + part, d1, d2, d3)
      store4Parts(true, words, d, to + 32 * part, 32)
    }
    return
  }
  const d = halvesAt(block, d1, d2, d3)
  const m = halvesAt(block + 2, d1, d2, d3)
  const w0 = wordsAt(block + 4, d1, d2, d3)
  const w1 = wordsAt(block + 8, d1, d2, d3)
  const w2 = wordsAt(block + 12, d1, d2, d3)
  const six = i8x16.splat(63)
  const four = i8x16.splat(15)
  const top = i8x16.splat(48)
  const upper0 = v128.and(i32x4.shr_u(w0, 2), top)
  const upper1 = v128.and(i32x4.shr_u(w1, 2), top)
  store4Parts(false, v128.and(w0, six), d, to, 64)
  store4Parts(false, v128.and(w1, six), m, to + 32, 64)
  store4Parts(false, v128.or(v128.and(w2, four), upper0), d, to + 256, 64)
  store4Parts(false, v128.or(v128.and(i32x4.shr_u(w2, 4), four), upper1), m, to + 288, 64)
}

/** A byte of each word times the word's factor, for each of its four bytes. */
// @ts-ignore: decorator
@inline
function store4Parts(signed: bool, words: v128, factor: v128, to: usize, step: usize): void {
  v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(byteOf(signed, words, 0)), factor))
  v128.store(to + step, f32x4.mul(f32x4.convert_i32x4_s(byteOf(signed, words, 1)), factor))
  v128.store(to + 2 * step, f32x4.mul(f32x4.convert_i32x4_s(byteOf(signed, words, 2)), factor))
  v128.store(to + 3 * step, f32x4.mul(f32x4.convert_i32x4_s(byteOf(signed, words, 3)), factor))
}

// @ts-ignore: decorator
@inline
function byteOf(signed: bool, words: v128, place: i32): v128 {
  const top = i32x4.shl(words, 24 - 8 * place)
  return signed ? i32x4.shr_s(top, 24) : i32x4.shr_u(top, 24)
}
