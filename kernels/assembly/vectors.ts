/** Element-wise operations on whole vectors and their sums; see kernels/reference/vectors.ts. */
import { loadUpTo4, storeUpTo4 } from './lanes'

export function fill(y: usize, value: f32, n: i32): void {
  const x = f32x4.splat(value)
  for (let i = 0; i < n; i += 4) storeUpTo4(y + (<usize>i << 2), x, n - i)
}

export function copy(y: usize, x: usize, n: i32): void {
  memory.copy(y, x, <usize>n << 2)
}

export function add(y: usize, x: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const o = <usize>i << 2
    storeUpTo4(y + o, f32x4.add(loadUpTo4(y + o, n - i), loadUpTo4(x + o, n - i)), n - i)
  }
}

export function scale(y: usize, factor: f32, n: i32): void {
  const k = f32x4.splat(factor)
  for (let i = 0; i < n; i += 4) {
    const o = <usize>i << 2
    storeUpTo4(y + o, f32x4.mul(loadUpTo4(y + o, n - i), k), n - i)
  }
}

export function subtract(y: usize, a: usize, b: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const o = <usize>i << 2
    storeUpTo4(y + o, f32x4.sub(loadUpTo4(a + o, n - i), loadUpTo4(b + o, n - i)), n - i)
  }
}

export function sumSquares(x: usize, n: i32): f64 {
  let s01 = f64x2.splat(0)
  let s23 = s01
  for (let i = 0; i < n; i += 4) {
    const v = loadUpTo4(x + (<usize>i << 2), n - i)
    const low = f64x2.promote_low_f32x4(v)
    const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1))
    s01 = f64x2.add(s01, f64x2.mul(low, low))
    s23 = f64x2.add(s23, f64x2.mul(high, high))
  }
  return (
    f64x2.extract_lane(s01, 0) + f64x2.extract_lane(s01, 1) +
    (f64x2.extract_lane(s23, 0) + f64x2.extract_lane(s23, 1))
  )
}

/** x - x is 0 for a finite x, otherwise a NaN, and a sum that has met a NaN stays one. */
export function allFinite(x: usize, n: i32): bool {
  let sum = f32x4.splat(0)
  for (let i = 0; i < n; i += 4) {
    const v = loadUpTo4(x + (<usize>i << 2), n - i)
    sum = f32x4.add(sum, f32x4.sub(v, v))
  }
  return !v128.any_true(f32x4.ne(sum, sum))
}

export function gatherRows(y: usize, table: usize, ids: usize, T: i32, D: i32): void {
  const row = <usize>D << 2
  for (let t = 0; t < T; t++) {
    const id = <usize>load<i32>(ids + (<usize>t << 2))
    memory.copy(y + <usize>t * row, table + id * row, row)
  }
}
