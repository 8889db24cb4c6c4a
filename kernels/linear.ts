/** A frozen linear layer with an optional low-rank adapter. Source: Hu et al. 2021, LoRA, §4.1. */
import type { Linear } from './buffers.ts'
import type { GemmForm, Ops, Pointer } from './ops.ts'

/**
 * y (T,O) = x (T,I)·Wᵀ + s·(x·Aᵀ)·Bᵀ with W (O,I), A (R,I), B (O,R) and s = alpha / R.
 * Keeps h (T,R) = s·x·Aᵀ. The last product continues the folds of the first.
 */
export function linearForward(ops: Ops, y: Pointer, x: Pointer, linear: Linear, T: number): void {
  const { inputs: I, outputs: O, weight, lora } = linear
  multiply(ops, 'nt', y, x, weight, T, O, I)
  if (lora === null) return
  const { rank: R, a, b, h, scale } = lora
  multiply(ops, 'nt', h, x, a, T, R, I)
  ops.scale(h, scale, T * R)
  multiply(ops, 'nt', y, h, b, T, O, R, true)
}

/**
 * dy (T,O) -> dx (T,I); dA (R,I) and dB (O,R) accumulate. W is frozen: it has no gradient.
 * `dx` null: nobody needs it. `accumulate`: dx is added to. dh (T,R) is scratch.
 */
export function linearBackward(
  ops: Ops,
  dx: Pointer | null,
  dy: Pointer,
  x: Pointer,
  linear: Linear,
  T: number,
  { dh, accumulate }: { dh: Pointer; accumulate: boolean },
): void {
  const { inputs: I, outputs: O, weight, lora } = linear
  if (dx !== null) multiply(ops, 'nn', dx, dy, weight, T, I, O, accumulate)
  if (lora === null) return
  const { rank: R, a, b, da, db, h, scale } = lora
  multiply(ops, 'tn', db, dy, h, O, R, T, true)
  multiply(ops, 'nn', dh, dy, b, T, R, O)
  ops.scale(dh, scale, T * R)
  multiply(ops, 'tn', da, dh, x, R, I, T, true)
  if (dx !== null) multiply(ops, 'nn', dx, dh, a, T, I, R, true)
}

/** C (M,N) = or += the product of two matrices without gaps between their rows. */
export function multiply(
  ops: Ops,
  form: GemmForm,
  c: Pointer,
  a: Pointer,
  b: Pointer,
  M: number,
  N: number,
  K: number,
  accumulate = false,
): void {
  const lda = form === 'tn' ? M : K
  const ldb = form === 'nt' ? K : N
  ops.gemm({ form, M, N, K, a, lda, b, ldb, c, ldc: N, accumulate })
}
