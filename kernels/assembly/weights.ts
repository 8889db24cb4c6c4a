/** Frozen weights: their numbers, stored and gathered; see kernels/reference/frozen.ts. */
import { blockRowBytes, isBlocks } from './blocks'
import { float16, largestMagnitude, widenBfloat16, widenFloat16 } from './compress'
import { loadUpTo4 } from './lanes'
import { widenBlockRow } from './pack-blocks'

/** The order of STORAGE_KINDS in kernels/frozen.ts; those that follow are in blocks.ts. */
export const FLOAT32 = 0
export const FLOAT16 = 1
export const BFLOAT16 = 2
export const INT8 = 3

// The constants of loops lie in memory, as V8 rebuilds a v128.const wherever a loop uses it.

/** A float16 shifted into a float32's place keeps its sign, and 10 of 23 bits of its fraction. */
const FLOAT16_PLACE = memory.data<i32>([0x8fffe000])
/** 2^112, what the exponent of such a number lacks. */
const LIFT = memory.data<i32>([0x77800000])
/** All bits of the exponent, there and in a float32. */
const PLACED_EXPONENT = memory.data<i32>([0x0f800000])
const EXPONENT = memory.data<i32>([0x7f800000])
/** 1.5·2^23: adding and subtracting it rounds to an integer, halves to even. */
const ROUND: f32 = 12582912

/** Bytes from one row to the next. */
export function rowBytes(kind: i32, I: i32): usize {
  if (isBlocks(kind)) return blockRowBytes(kind, I)
  if (kind == FLOAT32) return <usize>I << 2
  return kind == INT8 ? <usize>I : <usize>I << 1
}

/** Bytes from one row's scale to the next row's. */
export function scaleBytes(kind: i32): usize {
  return kind == INT8 ? 4 : 0
}

/** The scale of a row, which lies there. */
// @ts-ignore: decorator
@inline
export function scaleAt(kind: i32, scale: usize): f32 {
  return kind == INT8 ? load<f32>(scale) : 1
}

/** Numbers i .. i+3 of a row of `scale`, i a multiple of 4. */
// @ts-ignore: decorator
@inline
export function fourAt(kind: i32, row: usize, i: i32, scale: v128): v128 {
  if (kind == INT8) {
    const codes = i16x8.extend_low_i8x16_s(v128.load_zero<u32>(row + <usize>i))
    return f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(codes)), scale)
  }
  if (kind == BFLOAT16) return i32x4.shl(v128.load_ext<u16>(row + (<usize>i << 1)), 16)
  return widenFour(v128.load_ext<i16>(row + (<usize>i << 1)))
}

/** The bits at an address, in all lanes. */
// @ts-ignore: decorator
@inline
function all(address: usize): v128 {
  return v128.load_splat<i32>(address)
}

/** Four float16, sign-extended, as float32. Exponent 31 is not finite. */
// @ts-ignore: decorator
@inline
export function widenFour(bits: v128): v128 {
  const placed = v128.and(i32x4.shl(bits, 13), all(FLOAT16_PLACE))
  const exponent = v128.and(placed, all(PLACED_EXPONENT))
  const special = i32x4.eq(exponent, all(PLACED_EXPONENT))
  return v128.or(f32x4.mul(placed, all(LIFT)), v128.and(special, all(EXPONENT)))
}

/** Number i of a row. */
// @ts-ignore: decorator
@inline
export function oneAt(kind: i32, row: usize, i: i32, scale: f32): f32 {
  if (kind == INT8) return <f32>load<i8>(row + <usize>i) * scale
  const bits = <i32>load<u16>(row + (<usize>i << 1))
  return kind == BFLOAT16 ? reinterpret<f32>(bits << 16) : float16(bits)
}

export function gatherFrozen(
  kind: i32, y: usize, values: usize, scales: usize, I: i32, ids: usize, T: i32,
): void {
  const row = rowBytes(kind, I)
  const scaleRow = scaleBytes(kind)
  for (let t = 0; t < T; t++) {
    const id = <usize>load<i32>(ids + (<usize>t << 2))
    loadRow(kind, y, values + id * row, scales + id * scaleRow, I)
    y += <usize>I << 2
  }
}

function loadRow(kind: i32, y: usize, row: usize, scales: usize, I: i32): void {
  if (isBlocks(kind)) widenBlockRow(kind, y, row, I)
  else if (kind == FLOAT32) memory.copy(y, row, <usize>I << 2)
  else if (kind == FLOAT16) widenFloat16(y, row, I)
  else if (kind == BFLOAT16) widenBfloat16(y, row, I)
  else {
    const scale = load<f32>(scales)
    let i = 0
    for (; i + 4 <= I; i += 4) {
      v128.store(y + (<usize>i << 2), fourAt(INT8, row, i, f32x4.splat(scale)))
    }
    for (; i < I; i++) store<f32>(y + (<usize>i << 2), oneAt(INT8, row, i, scale))
  }
}

export function storeWeight(
  kind: i32, values: usize, scales: usize, O: i32, I: i32, w: usize,
): void {
  for (let o = 0; o < O; o++) {
    storeRow(kind, values, scales, I, w)
    values += rowBytes(kind, I)
    scales += scaleBytes(kind)
    w += <usize>I << 2
  }
}

function storeRow(kind: i32, row: usize, scales: usize, I: i32, w: usize): void {
  if (kind == FLOAT32) memory.copy(row, w, <usize>I << 2)
  else if (kind == INT8) quantiseRow(row, scales, I, w)
  else {
    for (let i = 0; i < I; i++) {
      const cell = w + (<usize>i << 2)
      const bits = kind == FLOAT16 ? float16Bits(load<f32>(cell)) : bfloat16Bits(load<u32>(cell))
      store<u16>(row + (<usize>i << 1), bits)
    }
  }
}

function quantiseRow(row: usize, scales: usize, I: i32, w: usize): void {
  const scale = largestMagnitude(w, I) / 127
  store<f32>(scales, scale)
  const divisor = f32x4.splat(scale == 0 ? 1 : scale)
  const max = f32x4.splat(scale == 0 ? 0 : 127)
  for (let i = 0; i < I; i += 4) {
    const ratio = f32x4.div(loadUpTo4(w + (<usize>i << 2), I - i), divisor)
    const clamped = f32x4.pmin(f32x4.pmax(ratio, f32x4.neg(max)), max)
    const rounded = f32x4.sub(f32x4.add(clamped, f32x4.splat(ROUND)), f32x4.splat(ROUND))
    const wide = i32x4.trunc_sat_f32x4_s(rounded)
    const codes = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(wide, wide), i16x8.splat(0))
    storeCodes(row + <usize>i, i32x4.extract_lane(codes, 0), I - i)
  }
}

function storeCodes(to: usize, word: i32, count: i32): void {
  if (count >= 4) store<i32>(to, word)
  else for (let i = 0; i < count; i++) store<u8>(to + <usize>i, word >>> (8 * i))
}

/** A tie goes to the even neighbour. */
function bfloat16Bits(bits: u32): u32 {
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

/** Scaled so that rounding to an integer is rounding to float16's last place; infinite beyond. */
function float16Bits(x: f32): u32 {
  let exponent = 1
  let mantissa = <f64>abs(x) * 16777216
  for (; mantissa >= 2048 && exponent < 31; exponent++) mantissa *= 0.5
  const sign = (reinterpret<u32>(x) >>> 16) & 0x8000
  if (exponent == 31) return sign | 0x7c00
  return sign | (((exponent - 1) << 10) + <i32>((<f32>mantissa + ROUND) - ROUND))
}
