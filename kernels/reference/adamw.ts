/** One step of the inner optimizer over a flat vector of adapter scalars. */
import type { AdamW } from '../ops.ts'

const f = Math.fround

/**
 * Loshchilov & Hutter 2019, with the ratio clamped so that one step moves no scalar by more than
 * learningRate · ratioMax (weight decay aside). 1 - beta and 1 - learningRate · weightDecay are
 * taken in float64, then rounded. A NaN passes through the clamp.
 */
export function adamW(memory: WebAssembly.Memory, step: AdamW): void {
  const { n, learningRate, beta1, beta2, weightDecay } = step
  const theta = new Float32Array(memory.buffer, step.theta, n)
  const gradient = new Float32Array(memory.buffer, step.gradient, n)
  const m = new Float32Array(memory.buffer, step.m, n)
  const v = new Float32Array(memory.buffer, step.v, n)
  const max = f(step.ratioMax)
  const decay = f(1 - learningRate * weightDecay)
  for (let i = 0; i < n; i++) {
    const g = f(gradient[i]! * f(step.gradientScale))
    m[i] = f(m[i]! * f(beta1)) + f(g * f(1 - beta1))
    v[i] = f(v[i]! * f(beta2)) + f(f(g * g) * f(1 - beta2))
    const mHat = f(m[i]! * f(step.mCorrection))
    const vHat = f(v[i]! * f(step.vCorrection))
    let ratio = f(mHat / f(f(Math.sqrt(vHat)) + f(step.epsilon)))
    if (ratio > max) ratio = max
    if (ratio < -max) ratio = -max
    theta[i] = f(theta[i]! * decay) - f(ratio * f(learningRate))
  }
}
