/** Quantisation, half-width floats and weighted sums; see kernels/reference/compress.ts. */
import { loadUpTo4, storeUpTo4 } from './lanes'

const BLOCK = 64
const INT4_LEVELS = 7
const FLOAT16_MAX_BITS = 0x7bff
/** 1.5·2^23, and its bits: the integer that adding it leaves in the low bits counts from there. */
const ROUND: f32 = 12582912
const ROUND_BITS = 0x4b400000

export function quantise(codes: usize, scales: usize, x: usize, n: i32, levels: i32): void {
  for (let i = 0; i < n; i += BLOCK) {
    const count = min(BLOCK, n - i)
    const bits = float16Up(<f64>largestMagnitude(x, count) / <f64>levels)
    store<u16>(scales, bits)
    quantiseBlock(codes, x, count, float16(bits), levels)
    scales += 2
    x += BLOCK * 4
    codes += levels == INT4_LEVELS ? BLOCK / 2 : BLOCK
  }
}

function quantiseBlock(codes: usize, x: usize, n: i32, scale: f32, levels: i32): void {
  const max = f32x4.splat(<f32>levels)
  const min = f32x4.neg(max)
  const round = f32x4.splat(ROUND)
  // A scale of 0 says that all numbers are 0, and any divisor gives their code.
  const divisor = f32x4.splat(scale == 0 ? 1 : scale)
  for (let i = 0; i < n; i += 4) {
    const ratio = f32x4.div(loadUpTo4(x + (<usize>i << 2), n - i), divisor)
    const clamped = f32x4.pmin(f32x4.pmax(ratio, min), max)
    const code = i32x4.sub(f32x4.add(clamped, round), i32x4.splat(ROUND_BITS))
    const narrow = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(code, code), i16x8.splat(0))
    const word = i32x4.extract_lane(narrow, 0)
    if (levels == INT4_LEVELS) {
      const low = (word & 0x0f) | ((word >>> 4) & 0xf0)
      const high = ((word >>> 16) & 0x0f) | ((word >>> 20) & 0xf0)
      storeBytes(codes + <usize>(i >> 1), low | (high << 8), (n - i + 1) >> 1, 2)
    } else storeBytes(codes + <usize>i, word, n - i, 4)
  }
}

export function dequantise(y: usize, codes: usize, scales: usize, n: i32, levels: i32): void {
  let i = 0
  for (; i + BLOCK <= n; i += BLOCK) {
    const scale = f32x4.splat(float16(load<u16>(scales)))
    for (let part = 0; part < BLOCK; part += 32) {
      if (levels == INT4_LEVELS) {
        const pairs = v128.load(codes)
        const low = v128.and(pairs, i8x16.splat(15))
        const high = i8x16.shr_u(pairs, 4)
        widen16(y, signed4(firstHalves(low, high)), scale)
        widen16(y + 64, signed4(lastHalves(low, high)), scale)
        codes += 16
      } else {
        widen16(y, v128.load(codes), scale)
        widen16(y + 64, v128.load(codes, 16), scale)
        codes += 32
      }
      y += 128
    }
    scales += 2
  }
  if (i < n) dequantisePart(y, codes, f32x4.splat(float16(load<u16>(scales))), n - i, levels)
}

/** Bytes of a and b in turn: of their first eight, and of their last. */
// @ts-ignore: decorator
@inline
function firstHalves(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
}

// @ts-ignore: decorator
@inline
function lastHalves(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
}

/** A nibble in two's complement, as a byte. */
// @ts-ignore: decorator
@inline
function signed4(nibbles: v128): v128 {
  return i8x16.sub(v128.xor(nibbles, i8x16.splat(8)), i8x16.splat(8))
}

/** y (16) = code · scale of 16 signed bytes. */
// @ts-ignore: decorator
@inline
function widen16(y: usize, codes: v128, scale: v128): void {
  const low = i16x8.extend_low_i8x16_s(codes)
  const high = i16x8.extend_high_i8x16_s(codes)
  v128.store(y, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), scale))
  v128.store(y, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)), scale), 16)
  v128.store(y, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), scale), 32)
  v128.store(y, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)), scale), 48)
}

/** A block that is not whole. */
function dequantisePart(y: usize, codes: usize, scale: v128, n: i32, levels: i32): void {
  const lift = i32x4(1 << 28, 1 << 24, 1 << 20, 1 << 16)
  for (let i = 0; i < n; i += 4) {
    let code: v128
    if (levels == INT4_LEVELS) {
      const word = loadBytes(codes + <usize>(i >> 1), (n - i + 1) >> 1, 2)
      code = i32x4.shr_s(i32x4.mul(i32x4.splat(word), lift), 28)
    } else {
      const word = loadBytes(codes + <usize>i, n - i, 4)
      code = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(i32x4.splat(word)))
    }
    storeUpTo4(y + (<usize>i << 2), f32x4.mul(f32x4.convert_i32x4_s(code), scale), n - i)
  }
}

export function largestMagnitude(x: usize, n: i32): f32 {
  let m = f32x4.splat(0)
  for (let i = 0; i < n; i += 4) {
    m = f32x4.pmax(m, f32x4.abs(loadUpTo4(x + (<usize>i << 2), n - i)))
  }
  return max(
    max(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1)),
    max(f32x4.extract_lane(m, 2), f32x4.extract_lane(m, 3)),
  )
}

/** The lowest min(count, most) bytes of a word, lowest first. */
function storeBytes(to: usize, word: i32, count: i32, most: i32): void {
  for (let i = 0; i < min(count, most); i++) store<u8>(to + <usize>i, word >>> (8 * i))
}

function loadBytes(from: usize, count: i32, most: i32): i32 {
  let word = 0
  for (let i = 0; i < min(count, most); i++) word |= <i32>load<u8>(from + <usize>i) << (8 * i)
  return word
}

/** The bits of the smallest float16 >= x, for x >= 0; the largest finite one above its range. */
function float16Up(x: f64): i32 {
  let mantissa = x * 16777216
  if (mantissa < 1024) return <i32>ceil(mantissa)
  let exponent = 1
  for (; mantissa >= 2048; exponent++) mantissa *= 0.5
  return min(((exponent - 1) << 10) + <i32>ceil(mantissa), FLOAT16_MAX_BITS)
}

/** Shifted into place, the bits mean a number 2^112 too small; exponent 31 is not finite. */
export function float16(bits: i32): f32 {
  const magnitude = reinterpret<f32>((bits & 0x7fff) << 13) * reinterpret<f32>(0x77800000)
  const finite = reinterpret<i32>(magnitude) | ((bits & 0x8000) << 16)
  return reinterpret<f32>((bits & 0x7c00) == 0x7c00 ? finite | 0x7f800000 : finite)
}

export function widenFloat16(y: usize, x: usize, n: i32): void {
  let i = 0
  const lift = f32x4.splat(reinterpret<f32>(0x77800000))
  const infinity = i32x4.splat(0x7f800000)
  for (; i + 4 <= n; i += 4) {
    const bits = v128.load_ext<u16>(x + <usize>i * 2)
    const magnitude = i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13)
    const sign = i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16)
    const special = i32x4.ge_s(magnitude, i32x4.splat(0x7c00 << 13))
    const finite = v128.or(f32x4.mul(magnitude, lift), sign)
    v128.store(y + (<usize>i << 2), v128.or(finite, v128.and(special, infinity)))
  }
  for (; i < n; i++) store<f32>(y + (<usize>i << 2), float16(load<u16>(x + <usize>i * 2)))
}

export function widenBfloat16(y: usize, x: usize, n: i32): void {
  let i = 0
  for (; i + 4 <= n; i += 4) {
    v128.store(y + (<usize>i << 2), i32x4.shl(v128.load_ext<u16>(x + <usize>i * 2), 16))
  }
  for (; i < n; i++) store<u32>(y + (<usize>i << 2), <u32>load<u16>(x + <usize>i * 2) << 16)
}

export function accumulateWeighted(sum: usize, x: usize, weight: f64, n: i32): void {
  const weights = f64x2.splat(weight)
  let i = 0
  for (; i + 2 <= n; i += 2) {
    const values = f64x2.promote_low_f32x4(v128.load64_zero(x))
    v128.store(sum, f64x2.add(v128.load(sum), f64x2.mul(weights, values)))
    sum += 16
    x += 8
  }
  if (i < n) store<f64>(sum, load<f64>(sum) + weight * <f64>load<f32>(x))
}

export function roundSum(y: usize, sum: usize, factor: f64, n: i32): void {
  for (let i = 0; i < n; i++) {
    store<f32>(y + (<usize>i << 2), <f32>(load<f64>(sum + (<usize>i << 3)) * factor))
  }
}
