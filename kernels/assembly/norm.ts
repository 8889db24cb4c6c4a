/** RMSNorm and rotary positions, lane by lane as in kernels/reference/rows.ts. */
import { loadUpTo4, storeUpTo4 } from './lanes'
import { sumProducts, sumTripleProducts } from './sums'

export function rmsNormForward(
  y: usize, rstd: usize, x: usize, w: usize, T: i32, D: i32, eps: f32,
): void {
  const row = <usize>D << 2
  for (let t = 0; t < T; t++) {
    const mean = sumProducts(x, x, D) / <f32>D
    const r = <f32>1 / sqrt<f32>(mean + eps)
    store<f32>(rstd + (<usize>t << 2), r)
    const factor = f32x4.splat(r)
    for (let i = 0; i < D; i += 4) {
      const o = <usize>i << 2
      const scaled = f32x4.mul(loadUpTo4(x + o, D - i), factor)
      storeUpTo4(y + o, f32x4.mul(scaled, loadUpTo4(w + o, D - i)), D - i)
    }
    x += row
    y += row
  }
}

export function rmsNormBackward(
  dx: usize, dy: usize, x: usize, w: usize, rstd: usize, T: i32, D: i32,
): void {
  const row = <usize>D << 2
  for (let t = 0; t < T; t++) {
    const r = load<f32>(rstd + (<usize>t << 2))
    const k = f32x4.splat(sumTripleProducts(dy, w, x, D) * r * r * r / <f32>D)
    const factor = f32x4.splat(r)
    for (let i = 0; i < D; i += 4) {
      const o = <usize>i << 2
      const g = f32x4.mul(loadUpTo4(dy + o, D - i), loadUpTo4(w + o, D - i))
      const change = f32x4.sub(f32x4.mul(g, factor), f32x4.mul(loadUpTo4(x + o, D - i), k))
      storeUpTo4(dx + o, f32x4.add(loadUpTo4(dx + o, D - i), change), D - i)
    }
    x += row
    dx += row
    dy += row
  }
}

export function rope(
  x: usize, ld: i32, cos: usize, sin: usize,
  T: i32, S: i32, heads: i32, E: i32, direction: i32,
): void {
  const half = E / 2
  const halfBytes = <usize>half << 2
  const gap = <usize>(ld - heads * E) << 2
  for (let t = 0; t < T; t++) {
    const row = <usize>(t % S) * halfBytes
    for (let head = 0; head < heads; head++) {
      rotate(x, cos + row, sin + row, half, <f32>direction)
      x += 2 * halfBytes
    }
    x += gap
  }
}

/** Turns the pairs (i, half + i) of one head. */
function rotate(x: usize, cos: usize, sin: usize, half: i32, direction: f32): void {
  const halfBytes = <usize>half << 2
  const sign = f32x4.splat(direction)
  for (let i = 0; i < half; i += 4) {
    const o = <usize>i << 2
    const count = half - i
    const a = loadUpTo4(x + o, count)
    const b = loadUpTo4(x + halfBytes + o, count)
    const c = loadUpTo4(cos + o, count)
    const s = f32x4.mul(sign, loadUpTo4(sin + o, count))
    storeUpTo4(x + o, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)), count)
    storeUpTo4(x + halfBytes + o, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)), count)
  }
}
