/**
 * Row sums and maxima. The lanes are part of the definition (kernels/reference/math.ts, rowSum):
 * term i goes to partial sum i mod 16, four accumulators of four lanes; a padded zero changes no
 * sum.
 */
import { loadUpTo4, storeUpTo4 } from './lanes'
import { expLanes } from './math'

/** Σ x·y */
export function sumProducts(x: usize, y: usize, n: i32): f32 {
  return sumTerms(2, x, y, 0, n)
}

/** Σ (x·y)·z */
export function sumTripleProducts(x: usize, y: usize, z: usize, n: i32): f32 {
  return sumTerms(3, x, y, z, n)
}

// @ts-ignore: decorator
@inline
function sumTerms(factors: i32, x: usize, y: usize, z: usize, n: i32): f32 {
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let o: usize = 0
  let rest = n
  for (; rest >= 16; rest -= 16) {
    s0 = f32x4.add(s0, term(factors, x, y, z, o, 4))
    s1 = f32x4.add(s1, term(factors, x, y, z, o + 16, 4))
    s2 = f32x4.add(s2, term(factors, x, y, z, o + 32, 4))
    s3 = f32x4.add(s3, term(factors, x, y, z, o + 48, 4))
    o += 64
  }
  if (rest > 0) s0 = f32x4.add(s0, term(factors, x, y, z, o, rest))
  if (rest > 4) s1 = f32x4.add(s1, term(factors, x, y, z, o + 16, rest - 4))
  if (rest > 8) s2 = f32x4.add(s2, term(factors, x, y, z, o + 32, rest - 8))
  if (rest > 12) s3 = f32x4.add(s3, term(factors, x, y, z, o + 48, rest - 12))
  return fold(s0, s1, s2, s3)
}

// @ts-ignore: decorator
@inline
function term(factors: i32, x: usize, y: usize, z: usize, o: usize, count: i32): v128 {
  if (factors == 1) return loadUpTo4(x + o, count)
  const product = f32x4.mul(loadUpTo4(x + o, count), loadUpTo4(y + o, count))
  return factors == 2 ? product : f32x4.mul(product, loadUpTo4(z + o, count))
}

/**
 * Row sum of exp((x - max) · scale), which replaces x where asked. That way it is two passes, one
 * of which stores vectors side by side, which is what V8 can pair; in one pass with the sums, V8 13
 * fails to, and takes the process with it.
 */
export function expSum(x: usize, n: i32, max: f32, scale: f32, write: bool): f32 {
  if (!write) return expSumOnly(x, n, max, scale)
  expRow(x, n, max, scale)
  return sumTerms(1, x, 0, 0, n)
}

function expRow(x: usize, n: i32, max: f32, scale: f32): void {
  const shift = f32x4.splat(max)
  const factor = f32x4.splat(scale)
  let rest = n
  for (; rest >= 8; rest -= 8) {
    const a = expTerm(v128.load(x), shift, factor)
    const b = expTerm(v128.load(x, 16), shift, factor)
    v128.store(x, a)
    v128.store(x, b, 16)
    x += 32
  }
  for (; rest > 0; rest -= 4) {
    storeUpTo4(x, expTerm(loadUpTo4(x, rest), shift, factor), rest)
    x += 16
  }
}

// @ts-ignore: decorator
@inline
function expTerm(x: v128, shift: v128, factor: v128): v128 {
  return expLanes(f32x4.mul(f32x4.sub(x, shift), factor))
}

/** The padding, -Infinity, adds zero. The accumulators take turns, and go back to their places. */
function expSumOnly(x: usize, n: i32, max: f32, scale: f32): f32 {
  const shift = f32x4.splat(max)
  const factor = f32x4.splat(scale)
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let i = 0
  for (; i < n; i += 4) {
    const s = f32x4.add(s0, expTerm(loadUpTo4(x, n - i, -Infinity), shift, factor))
    s0 = s1
    s1 = s2
    s2 = s3
    s3 = s
    x += 16
  }
  for (; (i & 15) != 0; i += 4) {
    const s = s0
    s0 = s1
    s1 = s2
    s2 = s3
    s3 = s
  }
  return fold(s0, s1, s2, s3)
}

/** The end of every row sum: accumulators (0+1)+(2+3) lane by lane, then lanes (0+1)+(2+3). */
function fold(s0: v128, s1: v128, s2: v128, s3: v128): f32 {
  const s = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3))
  return (
    f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1) +
    (f32x4.extract_lane(s, 2) + f32x4.extract_lane(s, 3))
  )
}

/** The largest of n float32; NaNs are passed over. */
export function rowMax(x: usize, n: i32): f32 {
  let m0 = f32x4.splat(-Infinity)
  let m1 = m0
  let i = 0
  for (; i + 8 <= n; i += 8) {
    m0 = f32x4.pmax(m0, v128.load(x))
    m1 = f32x4.pmax(m1, v128.load(x, 16))
    x += 32
  }
  for (; i < n; i += 4) {
    m0 = f32x4.pmax(m0, loadUpTo4(x, n - i, -Infinity))
    x += 16
  }
  const m = f32x4.pmax(m0, m1)
  return max(
    max(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1)),
    max(f32x4.extract_lane(m, 2), f32x4.extract_lane(m, 3)),
  )
}
