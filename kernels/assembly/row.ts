/**
 * One row times W, what a text that is written token by token asks for. A packed panel would be
 * read but once, so nothing is packed: 16 bytes of four rows of W are turned in registers, after
 * which a lane folds an output. The folds are those of gemm.ts and gemm-int16.ts, to the bit.
 */
import { quantisePanel } from './pack-int16'
import { BFLOAT16, FLOAT16, FLOAT32, INT8, oneAt, scaleAt, scaleBytes, widenFour } from './weights'

const BLOCK = 512

/** c (O) = or += x (I)·Wᵀ; rows of W are `leading` bytes apart. */
export function rowFloat32(
  kind: i32, values: usize, leading: usize, scales: usize, O: i32, I: i32,
  x: usize, c: usize, accumulate: bool,
): void {
  if (!accumulate) memory.fill(c, 0, <usize>O << 2)
  if (kind == FLOAT32) foldRows(FLOAT32, values, leading, scales, O, I, x, c)
  else if (kind == FLOAT16) foldRows(FLOAT16, values, leading, scales, O, I, x, c)
  else if (kind == BFLOAT16) foldRows(BFLOAT16, values, leading, scales, O, I, x, c)
  else foldRows(INT8, values, leading, scales, O, I, x, c)
}

/** Sixteen outputs at a time, so that the folds of four vectors hide each other's latency. */
// @ts-ignore: decorator
@inline
function foldRows(
  kind: i32, values: usize, leading: usize, scales: usize, O: i32, I: i32, x: usize, c: usize,
): void {
  const scaleLeading = scaleBytes(kind)
  const whole = I - I % numbersIn16Bytes(kind)
  const sixteens = O & -16
  for (let o = 0; o < sixteens; o += 16) {
    const r0 = values + <usize>o * leading
    const r1 = r0 + 4 * leading
    const r2 = r1 + 4 * leading
    const r3 = r2 + 4 * leading
    const s0 = scales + <usize>o * scaleLeading
    const s1 = s0 + 4 * scaleLeading
    const s2 = s1 + 4 * scaleLeading
    const s3 = s2 + 4 * scaleLeading
    const to = c + (<usize>o << 2)
    let c0 = v128.load(to)
    let c1 = v128.load(to, 16)
    let c2 = v128.load(to, 32)
    let c3 = v128.load(to, 48)
    for (let i = 0, b: usize = 0; i < whole; i += numbersIn16Bytes(kind), b += 16) {
      const from = x + (<usize>i << 2)
      c0 = foldFour(kind, c0, r0 + b, leading, s0, from)
      c1 = foldFour(kind, c1, r1 + b, leading, s1, from)
      c2 = foldFour(kind, c2, r2 + b, leading, s2, from)
      c3 = foldFour(kind, c3, r3 + b, leading, s3, from)
    }
    v128.store(to, c0)
    v128.store(to, c1, 16)
    v128.store(to, c2, 32)
    v128.store(to, c3, 48)
  }
  for (let o = 0; o < O; o++) {
    const cell = c + (<usize>o << 2)
    const row = values + <usize>o * leading
    const scale = scaleAt(kind, scales + <usize>o * scaleLeading)
    let sum = load<f32>(cell)
    for (let i = o < sixteens ? whole : 0; i < I; i++) {
      const number = kind == FLOAT32
        ? load<f32>(row + (<usize>i << 2))
        : oneAt(kind, row, i, scale)
      sum += load<f32>(x + (<usize>i << 2)) * number
    }
    store<f32>(cell, sum)
  }
}

// @ts-ignore: decorator
@inline
function numbersIn16Bytes(kind: i32): i32 {
  if (kind == FLOAT32) return 4
  return kind == INT8 ? 16 : 8
}

/** Four outputs go on by 16 bytes of each of their rows, which have their scales at `scales`. */
// @ts-ignore: decorator
@inline
function foldFour(
  kind: i32, sum: v128, w: usize, leading: usize, scales: usize, x: usize,
): v128 {
  const w0 = v128.load(w)
  const w1 = v128.load(w + leading)
  const w2 = v128.load(w + 2 * leading)
  const w3 = v128.load(w + 3 * leading)
  const low01 = v128.shuffle<i32>(w0, w1, 0, 4, 1, 5)
  const low23 = v128.shuffle<i32>(w2, w3, 0, 4, 1, 5)
  const high01 = v128.shuffle<i32>(w0, w1, 2, 6, 3, 7)
  const high23 = v128.shuffle<i32>(w2, w3, 2, 6, 3, 7)
  const scale = kind == INT8 ? v128.load(scales) : f32x4.splat(1)
  const step = <usize>numbersIn16Bytes(kind)
  sum = foldCells(kind, sum, v128.shuffle<i64>(low01, low23, 0, 2), scale, x)
  sum = foldCells(kind, sum, v128.shuffle<i64>(low01, low23, 1, 3), scale, x + step)
  sum = foldCells(kind, sum, v128.shuffle<i64>(high01, high23, 0, 2), scale, x + 2 * step)
  return foldCells(kind, sum, v128.shuffle<i64>(high01, high23, 1, 3), scale, x + 3 * step)
}

/** A cell is 32 bits of a row, one number or several, the first in the lowest bits. */
// @ts-ignore: decorator
@inline
function foldCells(kind: i32, sum: v128, cells: v128, scale: v128, x: usize): v128 {
  if (kind == FLOAT32) return fold(sum, cells, x)
  if (kind == BFLOAT16) {
    sum = fold(sum, i32x4.shl(cells, 16), x)
    return fold(sum, i32x4.shl(i32x4.shr_u(cells, 16), 16), x + 4)
  }
  if (kind == FLOAT16) {
    sum = fold(sum, widenFour(i32x4.shr_s(i32x4.shl(cells, 16), 16)), x)
    return fold(sum, widenFour(i32x4.shr_s(cells, 16)), x + 4)
  }
  for (let bit = 0; bit < 32; bit += 8) {
    const codes = i32x4.shr_s(i32x4.shl(cells, 24 - bit), 24)
    sum = fold(sum, f32x4.mul(f32x4.convert_i32x4_s(codes), scale), x)
    x += 4
  }
  return sum
}

// @ts-ignore: decorator
@inline
function fold(sum: v128, numbers: v128, x: usize): v128 {
  return f32x4.add(sum, f32x4.mul(v128.load_splat<f32>(x), numbers))
}

/** c (O) = or += x (I)·Wᵀ on the integer path. */
export function rowInt16(
  values: usize, scales: usize, O: i32, I: i32,
  x: usize, c: usize, accumulate: bool, workspace: usize,
): void {
  const codes = workspace + 16
  if (!accumulate) memory.fill(c, 0, <usize>O << 2)
  for (let i = 0; i < I; i += BLOCK) {
    const count = min(BLOCK, I - i)
    quantisePanel(1, 1, count, x + (<usize>i << 2), 0, 0, codes, workspace)
    const scale = load<f32>(workspace)
    for (let o = 0; o < O; o++) {
      const sum = <f32>sumCodes(codes, values + <usize>(o * I + i), count)
      const at = <usize>o << 2
      store<f32>(c + at, load<f32>(c + at) + sum * load<f32>(scales + at) * scale)
    }
  }
}

/** Σ of int16 times int8. */
// @ts-ignore: decorator
@inline
function sumCodes(x: usize, w: usize, n: i32): i32 {
  let low = i32x4.splat(0)
  let high = low
  let i = 0
  for (; i + 16 <= n; i += 16) {
    const at = x + (<usize>i << 1)
    const bytes = v128.load(w + <usize>i)
    low = i32x4.add(low, i32x4.dot_i16x8_s(v128.load(at), i16x8.extend_low_i8x16_s(bytes)))
    high = i32x4.add(high, i32x4.dot_i16x8_s(v128.load(at, 16), i16x8.extend_high_i8x16_s(bytes)))
  }
  const sums = i32x4.add(low, high)
  let sum = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) +
    i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3)
  for (; i < n; i++) sum += <i32>load<i16>(x + (<usize>i << 1)) * <i32>load<i8>(w + <usize>i)
  return sum
}
