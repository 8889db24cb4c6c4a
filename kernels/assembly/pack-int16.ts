/** Packing for the integer path: panels of cells, each two int16 that are neighbours along k. */
import { storeTurned } from './pack'

const CODE_MAX: f32 = 32767
/** Bits of 2^-100 and of infinity. Magnitudes are compared as integers, which NaNs top. */
const TINY_BITS = 0x0d800000
const INFINITY_BITS = 0x7f800000
/** 1.5·2^23, and its bits: the integer that adding it leaves in the low bits counts from there. */
const ROUND: f32 = 12582912
const ROUND_BITS = 0x4b400000

/**
 * `count` rows of A as a panel of `width` rows of cells, and a scale for each; missing rows are 0.
 * `factors`, unless 0, are multiplied into the rows first. The largest code is `codeMax`.
 */
export function quantisePanel(
  width: i32, count: i32, kc: i32, from: usize, leading: usize, factors: usize,
  to: usize, rowScales: usize, codeMax: f32 = CODE_MAX,
): void {
  const pairs = (kc + 1) >> 1
  if (count < width) {
    memory.fill(to, 0, <usize>(width * pairs) << 2)
    memory.fill(rowScales, 0, <usize>width << 2)
  }
  if (
    width == 4 && count == 4 &&
    quantiseFourRows(kc, from, leading, factors, to, rowScales, codeMax)
  ) return
  for (let row = 0; row < count; row++) {
    const x = from + <usize>row * leading
    const o = <usize>row << 2
    const max = factors == 0 ? magnitude(x, kc) : magnitudeOfProducts(x, factors, kc)
    if (isScale(max)) {
      store<f32>(rowScales + o, max / codeMax)
      const inverse = codeMax / max
      if (factors == 0) quantiseRow(x, 0, 0, kc, inverse, to + o, <usize>width << 2)
      else quantiseRow(x, factors, 0, kc, inverse, to + o, <usize>width << 2)
    } else {
      store<f32>(rowScales + o, reinterpret<i32>(max) < INFINITY_BITS ? 0 : NaN)
      for (let p = 0; p < pairs; p++) store<i32>(to + o + (<usize>(p * width) << 2), 0)
    }
  }
}

// @ts-ignore: decorator
@inline
function isScale(max: f32): bool {
  return reinterpret<i32>(max) < INFINITY_BITS && reinterpret<i32>(max) >= TINY_BITS
}

/** false, and nothing done, where a row has no scale. */
function quantiseFourRows(
  kc: i32, x0: usize, leading: usize, factors: usize, to: usize, rowScales: usize, codeMax: f32,
): bool {
  const x1 = x0 + leading
  const x2 = x1 + leading
  const x3 = x2 + leading
  const m0 = factors == 0 ? magnitude(x0, kc) : magnitudeOfProducts(x0, factors, kc)
  const m1 = factors == 0 ? magnitude(x1, kc) : magnitudeOfProducts(x1, factors, kc)
  const m2 = factors == 0 ? magnitude(x2, kc) : magnitudeOfProducts(x2, factors, kc)
  const m3 = factors == 0 ? magnitude(x3, kc) : magnitudeOfProducts(x3, factors, kc)
  if (!(isScale(m0) && isScale(m1) && isScale(m2) && isScale(m3))) return false
  store<f32>(rowScales, m0 / codeMax)
  store<f32>(rowScales, m1 / codeMax, 4)
  store<f32>(rowScales, m2 / codeMax, 8)
  store<f32>(rowScales, m3 / codeMax, 12)
  const i0 = codeMax / m0
  const i1 = codeMax / m1
  const i2 = codeMax / m2
  const i3 = codeMax / m3
  const whole = kc & -8
  if (factors == 0) turnQuantised(x0, x1, x2, x3, 0, whole, i0, i1, i2, i3, to)
  else turnQuantised(x0, x1, x2, x3, factors, whole, i0, i1, i2, i3, to)
  if (whole != kc) {
    const end = to + (<usize>whole << 3)
    quantiseRow(x0, factors, whole, kc, i0, end, 16)
    quantiseRow(x1, factors, whole, kc, i1, end + 4, 16)
    quantiseRow(x2, factors, whole, kc, i2, end + 8, 16)
    quantiseRow(x3, factors, whole, kc, i3, end + 12, 16)
  }
  return true
}

// @ts-ignore: decorator
@inline
function turnQuantised(
  x0: usize, x1: usize, x2: usize, x3: usize, factors: usize, n: i32,
  i0: f32, i1: f32, i2: f32, i3: f32, to: usize,
): void {
  for (const end = to + (<usize>n << 3); to != end; to += 64) {
    storeTurned(
      quantiseEight(x0, factors, i0), quantiseEight(x1, factors, i1),
      quantiseEight(x2, factors, i2), quantiseEight(x3, factors, i3), to, 16,
    )
    x0 += 32
    x1 += 32
    x2 += 32
    x3 += 32
    if (factors != 0) factors += 32
  }
}

/** Eight numbers of a row as four cells. */
// @ts-ignore: decorator
@inline
function quantiseEight(x: usize, factors: usize, inverse: f32): v128 {
  const f = f32x4.splat(inverse)
  let low = v128.load(x)
  let high = v128.load(x, 16)
  if (factors != 0) {
    low = f32x4.mul(low, v128.load(factors))
    high = f32x4.mul(high, v128.load(factors, 16))
  }
  return i16x8.narrow_i32x4_s(roundLanes(f32x4.mul(low, f)), roundLanes(f32x4.mul(high, f)))
}

/** The largest magnitude, by its bits: infinite or a NaN if any number is. */
function magnitude(x: usize, n: i32): f32 {
  let m0 = i32x4.splat(0)
  let m1 = m0
  const bits = i32x4.splat(0x7fffffff)
  let i = 0
  for (; i + 8 <= n; i += 8) {
    m0 = i32x4.max_s(m0, v128.and(v128.load(x), bits))
    m1 = i32x4.max_s(m1, v128.and(v128.load(x, 16), bits))
    x += 32
  }
  let max = largestLane(i32x4.max_s(m0, m1))
  for (; i < n; i++) {
    max = largest(max, load<i32>(x) & 0x7fffffff)
    x += 4
  }
  return reinterpret<f32>(max)
}

function magnitudeOfProducts(x: usize, factors: usize, n: i32): f32 {
  let m = i32x4.splat(0)
  const bits = i32x4.splat(0x7fffffff)
  let i = 0
  for (; i + 4 <= n; i += 4) {
    m = i32x4.max_s(m, v128.and(f32x4.mul(v128.load(x), v128.load(factors)), bits))
    x += 16
    factors += 16
  }
  let max = largestLane(m)
  for (; i < n; i++) {
    max = largest(max, reinterpret<i32>(load<f32>(x) * load<f32>(factors)) & 0x7fffffff)
    x += 4
    factors += 4
  }
  return reinterpret<f32>(max)
}

function largestLane(m: v128): i32 {
  return largest(
    largest(i32x4.extract_lane(m, 0), i32x4.extract_lane(m, 1)),
    largest(i32x4.extract_lane(m, 2), i32x4.extract_lane(m, 3)),
  )
}

// @ts-ignore: decorator
@inline
function largest(a: i32, b: i32): i32 {
  return a > b ? a : b
}

/** Numbers i .. n-1 of a row, i even. */
// @ts-ignore: decorator
@inline
function quantiseRow(
  x: usize, factors: usize, i: i32, n: i32, inverse: f32, to: usize, step: usize,
): void {
  for (; i + 8 <= n; i += 8) {
    const o = <usize>i << 2
    const codes = quantiseEight(x + o, factors == 0 ? 0 : factors + o, inverse)
    v128.store_lane<i32>(to, codes, 0)
    v128.store_lane<i32>(to + step, codes, 1)
    v128.store_lane<i32>(to + 2 * step, codes, 2)
    v128.store_lane<i32>(to + 3 * step, codes, 3)
    to += 4 * step
  }
  for (; i < n; i += 2) {
    const low = codeAt(x, factors, i, inverse)
    const high = i + 1 < n ? codeAt(x, factors, i + 1, inverse) : 0
    store<i32>(to, (low & 0xffff) | (high << 16))
    to += step
  }
}

// @ts-ignore: decorator
@inline
function roundLanes(x: v128): v128 {
  return i32x4.sub(f32x4.add(x, f32x4.splat(ROUND)), i32x4.splat(ROUND_BITS))
}

// @ts-ignore: decorator
@inline
function codeAt(x: usize, factors: usize, i: i32, inverse: f32): i32 {
  const o = <usize>i << 2
  const value = factors != 0 ? load<f32>(x + o) * load<f32>(factors + o) : load<f32>(x + o)
  return reinterpret<i32>(value * inverse + ROUND) - ROUND_BITS
}

/** `count` rows of codes, kc long, as columns of cells; missing ones are 0. */
export function packCodesForward(
  width: i32, count: i32, kc: i32, from: usize, leading: usize, to: usize,
): void {
  const step = <usize>width << 2
  if (count < width) memory.fill(to, 0, step * <usize>((kc + 1) >> 1))
  let p = 0
  for (; p + 4 <= count; p += 4) {
    turnFourRows(kc, from + <usize>p * leading, leading, to + (<usize>p << 2), step)
  }
  for (; p < count; p++) {
    packCells(0, kc, from + <usize>p * leading, to + (<usize>p << 2), step)
  }
}

function turnFourRows(kc: i32, r0: usize, leading: usize, to: usize, step: usize): void {
  const r1 = r0 + leading
  const r2 = r1 + leading
  const r3 = r2 + leading
  let k = 0
  for (; k + 8 <= kc; k += 8) {
    storeTurned(
      v128.load_ext<i8>(r0 + <usize>k), v128.load_ext<i8>(r1 + <usize>k),
      v128.load_ext<i8>(r2 + <usize>k), v128.load_ext<i8>(r3 + <usize>k), to, step,
    )
    to += 4 * step
  }
  if (k == kc) return
  packCells(k, kc, r0, to, step)
  packCells(k, kc, r1, to + 4, step)
  packCells(k, kc, r2, to + 8, step)
  packCells(k, kc, r3, to + 12, step)
}

/** Codes k .. kc-1 of a row, two a cell. */
function packCells(k: i32, kc: i32, row: usize, to: usize, step: usize): void {
  for (; k < kc; k += 2) {
    const low = <i32>load<i8>(row + <usize>k)
    const high = k + 1 < kc ? <i32>load<i8>(row + <usize>k, 1) : 0
    store<i32>(to, (low & 0xffff) | (high << 16))
    to += step
  }
}

/** kc rows of `count` codes: each two rows become one row of cells; missing columns are 0. */
export function packCodesBackward(
  width: i32, count: i32, kc: i32, from: usize, leading: usize, to: usize,
): void {
  const step = <usize>width << 2
  if (count < width) memory.fill(to, 0, step * <usize>((kc + 1) >> 1))
  for (let k = 0; k < kc; k += 2) {
    const pair = k + 1 < kc
    let p = 0
    for (; p + 8 <= count; p += 8) {
      const x = v128.load_ext<i8>(from + <usize>p)
      const y = pair ? v128.load_ext<i8>(from + leading + <usize>p) : i16x8.splat(0)
      const o = to + (<usize>p << 2)
      v128.store(o, v128.shuffle<i16>(x, y, 0, 8, 1, 9, 2, 10, 3, 11))
      v128.store(o, v128.shuffle<i16>(x, y, 4, 12, 5, 13, 6, 14, 7, 15), 16)
    }
    for (; p < count; p++) {
      const low = <i32>load<i8>(from + <usize>p)
      const high = pair ? <i32>load<i8>(from + leading + <usize>p) : 0
      store<i32>(to + (<usize>p << 2), (low & 0xffff) | (high << 16))
    }
    from += 2 * leading
    to += step
  }
}
