/**
 * The end of the decoder: final norm, output head and cross-entropy, TOKEN_BLOCK tokens at a time,
 * so that a (T,V) array never exists. The backward of a block runs while its logits are still
 * there.
 */
import { type Buffers, TOKEN_BLOCK } from './buffers.ts'
import { multiply } from './linear.ts'
import type { Ops, Pointer } from './ops.ts'

/** Summed loss (natural log) of the counted tokens of buffers.targets (T). */
export function headLoss(ops: Ops, buffers: Buffers, T: number): number {
  return overBlocks(ops, buffers, T, 0)
}

/** The same, and scratch.dx (T,D) = gradient of gradientScale · loss at the last layer's output. */
export function headLossAndGradient(
  ops: Ops,
  buffers: Buffers,
  T: number,
  gradientScale: number,
): number {
  const { model, output, outputRstd, finalNorm, scratch } = buffers
  const { hiddenSize: D } = model
  const loss = overBlocks(ops, buffers, T, gradientScale)
  ops.fill(scratch.dx, 0, T * D)
  ops.rmsNormBackward(scratch.dx, scratch.dnormed, output, finalNorm, outputRstd, T, D)
  return loss
}

/** scratch.logits (V) of one token. */
export function headLogits(ops: Ops, buffers: Buffers, token: number): Pointer {
  const { model, output, outputRstd, finalNorm, head, scratch } = buffers
  const { hiddenSize: D, vocabSize: V, rmsNormEps } = model
  const { normed, logits } = scratch
  ops.rmsNormForward(normed, outputRstd, output + 4 * token * D, finalNorm, 1, D, rmsNormEps)
  multiply(ops, 'nt', logits, normed, head, 1, V, D)
  return logits
}

/** Norm, logits and loss; with a gradient scale also scratch.dnormed (T,D). */
function overBlocks(ops: Ops, buffers: Buffers, T: number, gradientScale: number): number {
  const { model, output, outputRstd, finalNorm, head, targets, scratch } = buffers
  const { hiddenSize: D, vocabSize: V, rmsNormEps } = model
  const { normed, dnormed, logits } = scratch
  ops.rmsNormForward(normed, outputRstd, output, finalNorm, T, D, rmsNormEps)
  let loss = 0
  for (let first = 0; first < T; first += TOKEN_BLOCK) {
    const tokens = Math.min(TOKEN_BLOCK, T - first)
    const row = 4 * first * D
    multiply(ops, 'nt', logits, normed + row, head, tokens, V, D)
    loss += ops.crossEntropy(logits, targets + 4 * first, tokens, V, gradientScale)
    if (gradientScale !== 0) multiply(ops, 'nn', dnormed + row, logits, head, tokens, D, V)
  }
  return loss
}
