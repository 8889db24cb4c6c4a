/**
 * Exponential and logarithm, operation by operation as in kernels/reference/math.ts, which says
 * where the numbers come from.
 */
import { loadUpTo4, storeUpTo4 } from './lanes'

/**
 * The exponential's constants lie in memory: V8 rebuilds a v128.const with three instructions
 * wherever a loop uses it, whereas loading a number into all lanes takes one.
 */
const EXP_MIN = memory.data<f32>([-87])
const EXP_MAX = memory.data<f32>([88])
const LOG2_E = memory.data<f32>([1.4426950408889634])
const ROUND_TO_EXPONENT = memory.data<f32>([12582912 + 127])
const LN2_HIGH = memory.data<f32>([0.693359375])
const LN2_LOW = memory.data<f32>([-2.1219444e-4])
const ONE = memory.data<f32>([1])
const C2 = memory.data<f32>([0.5])
const C3 = memory.data<f32>([1.6666665459e-1])
const C4 = memory.data<f32>([4.1665795894e-2])
const C5 = memory.data<f32>([8.3334519073e-3])
const C6 = memory.data<f32>([1.3981999507e-3])
const C7 = memory.data<f32>([1.987569115e-4])

/** The number at an address, in all lanes. */
// @ts-ignore: decorator
@inline
function all(address: usize): v128 {
  return v128.load_splat<f32>(address)
}

/** e^x lane by lane: e^x = 2^n · e^r with |r| <= ln 2 / 2, as expFloat has it. */
// @ts-ignore: decorator
@inline
export function expLanes(x: v128): v128 {
  const small = f32x4.lt(x, all(EXP_MIN))
  const c = f32x4.pmax(f32x4.pmin(x, all(EXP_MAX)), all(EXP_MIN))
  const t = f32x4.add(f32x4.mul(c, all(LOG2_E)), all(ROUND_TO_EXPONENT))
  const n = f32x4.sub(t, all(ROUND_TO_EXPONENT))
  const r = f32x4.sub(f32x4.sub(c, f32x4.mul(n, all(LN2_HIGH))), f32x4.mul(n, all(LN2_LOW)))
  const r2 = f32x4.mul(r, r)
  const p23 = f32x4.add(all(C2), f32x4.mul(r, all(C3)))
  const p45 = f32x4.add(all(C4), f32x4.mul(r, all(C5)))
  const p67 = f32x4.add(all(C6), f32x4.mul(r, all(C7)))
  const p = f32x4.add(p23, f32x4.mul(r2, f32x4.add(p45, f32x4.mul(r2, p67))))
  const y = f32x4.add(all(ONE), f32x4.add(r, f32x4.mul(r2, p)))
  return v128.andnot(f32x4.mul(y, i32x4.shl(t, 23)), small)
}

export function exp(y: usize, x: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const o = <usize>i << 2
    storeUpTo4(y + o, expLanes(loadUpTo4(x + o, n - i)), n - i)
  }
}

const SQRT2: f64 = 1.4142135623730951
const LN2_HIGH_DOUBLE: f64 = 0.6931471803691238
const LN2_LOW_DOUBLE: f64 = 1.9082149292705877e-10

/** Natural logarithm of a double, as logDouble in kernels/portable-math.ts. */
export function logDouble(x: f64): f64 {
  if (x == 0) return -Infinity
  if (x == Infinity) return x
  if (!(x > 0)) return NaN
  let m = x
  let k: f64 = 0
  for (; m > SQRT2; k++) m *= 0.5
  for (; m < SQRT2 * 0.5; k--) m *= 2
  const s = (m - 1) / (m + 1)
  const s2 = s * s
  let sum: f64 = 0
  for (let i = 23; i >= 1; i -= 2) sum = sum * s2 + 1 / <f64>i
  return k * LN2_HIGH_DOUBLE + (2 * s * sum + k * LN2_LOW_DOUBLE)
}

export function log(y: usize, x: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    const o = <usize>i << 2
    store<f32>(y + o, <f32>logDouble(<f64>load<f32>(x + o)))
  }
}
