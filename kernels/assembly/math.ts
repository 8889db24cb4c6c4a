/**
 * Exponential and logarithm, operation by operation as in kernels/reference/math.ts, which says
 * where the numbers come from.
 */
import { loadUpTo4, storeUpTo4 } from './lanes'

/**
 * The exponential's constants lie in memory: V8 rebuilds a v128.const with three instructions
 * wherever a loop uses it, whereas loading a number into all lanes takes one.
 */
const CONSTANTS = memory.data<f32>([
  -87, 88, 1.4426950408889634, 12583039, 0.693359375, -2.1219444e-4,
  0.5, 1.6666665459e-1, 4.1665795894e-2, 8.3334519073e-3, 1.3981999507e-3, 1.987569115e-4, 1,
])

// @ts-ignore: decorator
@inline
function constant(index: usize): v128 {
  return v128.load_splat<f32>(CONSTANTS + (index << 2))
}

// @ts-ignore: decorator
@inline
export function expLanes(x: v128): v128 {
  const small = f32x4.lt(x, constant(0))
  const c = f32x4.pmax(f32x4.pmin(x, constant(1)), constant(0))
  const t = f32x4.add(f32x4.mul(c, constant(2)), constant(3))
  const n = f32x4.sub(t, constant(3))
  const r = f32x4.sub(f32x4.sub(c, f32x4.mul(n, constant(4))), f32x4.mul(n, constant(5)))
  const r2 = f32x4.mul(r, r)
  const p23 = f32x4.add(constant(6), f32x4.mul(r, constant(7)))
  const p45 = f32x4.add(constant(8), f32x4.mul(r, constant(9)))
  const p67 = f32x4.add(constant(10), f32x4.mul(r, constant(11)))
  const p = f32x4.add(p23, f32x4.mul(r2, f32x4.add(p45, f32x4.mul(r2, p67))))
  const y = f32x4.add(constant(12), f32x4.add(r, f32x4.mul(r2, p)))
  return v128.andnot(f32x4.mul(y, i32x4.shl(t, 23)), small)
}

export function exp(y: usize, x: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const o = <usize>i << 2
    storeUpTo4(y + o, expLanes(loadUpTo4(x + o, n - i)), n - i)
  }
}

/** Natural logarithm of a double, as logDouble in kernels/portable-math.ts. */
export function logDouble(x: f64): f64 {
  if (x == 0) return -Infinity
  if (x == Infinity) return x
  if (!(x > 0)) return NaN
  let m = x
  let k: f64 = 0
  for (; m > 1.4142135623730951; k++) m *= 0.5
  for (; m < 1.4142135623730951 * 0.5; k--) m *= 2
  const s = (m - 1) / (m + 1)
  const s2 = s * s
  let sum: f64 = 0
  for (let i = 23; i >= 1; i -= 2) sum = sum * s2 + 1 / <f64>i
  return k * 0.6931471803691238 + (2 * s * sum + k * 1.9082149292705877e-10)
}

export function log(y: usize, x: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    const o = <usize>i << 2
    store<f32>(y + o, <f32>logDouble(<f64>load<f32>(x + o)))
  }
}
