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
  const product = f32x4.mul(loadUpTo4(x + o, count), loadUpTo4(y + o, count))
  return factors == 2 ? product : f32x4.mul(product, loadUpTo4(z + o, count))
}

/**
 * Row sum of exp((x - max) · scale), which replaces x where asked. Vectors are stored side by side,
 * which is what V8 can pair; see revectorise.ts. The rest of the row adds to the accumulators in
 * turn, as if it were padded with -Infinity, whose exponential is zero.
 */
export function expSum(x: usize, n: i32, max: f32, scale: f32, write: bool): f32 {
  const shift = f32x4.splat(max)
  const factor = f32x4.splat(scale)
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let rest = n
  for (; rest >= 16; rest -= 16) {
    const e0 = expTerm(v128.load(x), shift, factor)
    const e1 = expTerm(v128.load(x, 16), shift, factor)
    const e2 = expTerm(v128.load(x, 32), shift, factor)
    const e3 = expTerm(v128.load(x, 48), shift, factor)
    if (write) {
      v128.store(x, e0)
      v128.store(x, e1, 16)
      v128.store(x, e2, 32)
      v128.store(x, e3, 48)
    }
    s0 = f32x4.add(s0, e0)
    s1 = f32x4.add(s1, e1)
    s2 = f32x4.add(s2, e2)
    s3 = f32x4.add(s3, e3)
    x += 64
  }
  if (rest > 0) s0 = f32x4.add(s0, expRest(x, rest, shift, factor, write))
  if (rest > 4) s1 = f32x4.add(s1, expRest(x + 16, rest - 4, shift, factor, write))
  if (rest > 8) s2 = f32x4.add(s2, expRest(x + 32, rest - 8, shift, factor, write))
  if (rest > 12) s3 = f32x4.add(s3, expRest(x + 48, rest - 12, shift, factor, write))
  return fold(s0, s1, s2, s3)
}

// @ts-ignore: decorator
@inline
function expTerm(x: v128, shift: v128, factor: v128): v128 {
  return expLanes(f32x4.mul(f32x4.sub(x, shift), factor))
}

function expRest(x: usize, count: i32, shift: v128, factor: v128, write: bool): v128 {
  const e = expTerm(loadUpTo4(x, count, -Infinity), shift, factor)
  if (write) storeUpTo4(x, e, count)
  return e
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
