/** One AdamW step, lane by lane as in kernels/reference/adamw.ts. */
import { loadUpTo4, storeUpTo4 } from './lanes'

export function adamW(
  n: i32, theta: usize, gradient: usize, m: usize, v: usize,
  learningRate: f32, decay: f32, beta1: f32, rest1: f32, beta2: f32, rest2: f32,
  epsilon: f32, gradientScale: f32, mCorrection: f32, vCorrection: f32, ratioMax: f32,
): void {
  const max = f32x4.splat(ratioMax)
  const min = f32x4.splat(-ratioMax)
  for (let i = 0; i < n; i += 4) {
    const o = <usize>i << 2
    const count = n - i
    const g = times(loadUpTo4(gradient + o, count), gradientScale)
    const m1 = f32x4.add(times(loadUpTo4(m + o, count), beta1), times(g, rest1))
    const g2 = times(f32x4.mul(g, g), rest2)
    const v1 = f32x4.add(times(loadUpTo4(v + o, count), beta2), g2)
    storeUpTo4(m + o, m1, count)
    storeUpTo4(v + o, v1, count)
    const root = f32x4.sqrt(times(v1, vCorrection))
    const ratio = f32x4.div(times(m1, mCorrection), f32x4.add(root, f32x4.splat(epsilon)))
    const clamped = f32x4.pmax(f32x4.pmin(ratio, max), min)
    const kept = times(loadUpTo4(theta + o, count), decay)
    storeUpTo4(theta + o, f32x4.sub(kept, times(clamped, learningRate)), count)
  }
}

// @ts-ignore: decorator
@inline
function times(x: v128, factor: f32): v128 {
  return f32x4.mul(x, f32x4.splat(factor))
}
