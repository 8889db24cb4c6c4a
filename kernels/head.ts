/**
 * The end of the decoder: final norm, output head and cross-entropy, TOKEN_BLOCK tokens at a time
 * in each thread, so that a (T,V) array never exists. The backward of a block runs while its logits
 * are still there.
 */
import { weightRows } from './frozen.ts'
import { frozenBackward, frozenForward } from './frozen-product.ts'
import { normRows, normRowsBackward, type Thread } from './layer.ts'
import type { Rows } from './linear.ts'
import { rowAt } from './multiply.ts'
import type { Pointer } from './ops.ts'
import { TOKEN_BLOCK, VOCABULARY_BLOCK } from './own-scratch.ts'

/** How many parts T tokens make. */
export function headParts(T: number): number {
  return Math.ceil(T / TOKEN_BLOCK)
}

/**
 * One part: the loss of each of its tokens to scratch.losses, 0 where it has no target. With a
 * gradient scale other than 0 also scratch.dx, gradient of the scaled loss at the last layer's
 * output; where answers are rated, each token has a scale of its own, in scratch.factors.
 * @param output the residual stream (T,D) after the last layer
 */
export function headPart(
  thread: Thread,
  output: Pointer,
  part: number,
  T: number,
  gradientScale: number,
): void {
  const { ops, buffers, own } = thread
  const { model, outputRstd, finalNorm, targets, scratch } = buffers
  const { hiddenSize: D, vocabSize: V } = model
  const first = part * TOKEN_BLOCK
  const rows: Rows = { first, count: Math.min(TOKEN_BLOCK, T - first) }
  headRows(thread, rows, output)
  const losses = new Float64Array(ops.memory.buffer, scratch.losses, T)
  const isRated = buffers.preference !== undefined && gradientScale !== 0
  const factors = isRated ? new Float32Array(ops.memory.buffer, scratch.factors, T) : null
  for (let i = 0; i < rows.count; i++) {
    const [logits, target] = [rowAt(own.logits, i, V), rowAt(targets, first + i, 1)]
    const scale = factors === null ? gradientScale : factors[first + i]!
    losses[first + i] = ops.crossEntropy(logits, target, 1, V, scale)
    // A scale of 0 leaves the logits where a gradient of 0 belongs.
    if (scale === 0 && gradientScale !== 0) ops.fill(logits, 0, V)
  }
  if (gradientScale === 0) return
  headBackward(thread, rowAt(scratch.dnormed, first, D), rows.count)
  ops.fill(rowAt(scratch.dmiddle, first, D), 0, rows.count * D)
  normRowsBackward(thread, scratch.dx, scratch.dmiddle, output, finalNorm, outputRstd, rows)
}

/**
 * dnormed (rows,D) = dlogits·W, whose gradients are in own.logits: a left fold over each
 * VOCABULARY_BLOCK words, and one over those sums, so that a large vocabulary costs no digits.
 * Source: Higham 2002, Accuracy and Stability of Numerical Algorithms, §4.2.
 */
export function headBackward({ ops, buffers, own }: Thread, dnormed: Pointer, rows: number): void {
  const { model, kernels, head } = buffers
  const { hiddenSize: D, vocabSize: V } = model
  for (let word = 0; word < V; word += VOCABULARY_BLOCK) {
    const words = weightRows(head, word, Math.min(VOCABULARY_BLOCK, V - word))
    const to = word === 0 ? dnormed : own.partial
    frozenBackward(ops, to, own.logits + 4 * word, words, rows, kernels.path, false, V)
    if (word > 0) ops.add(dnormed, own.partial, rows * D)
  }
}

/** own.logits (rows,V) of up to TOKEN_BLOCK tokens. */
export function headRows(thread: Thread, rows: Rows, output = thread.buffers.output): void {
  const { ops, buffers, own } = thread
  const { model, kernels, outputRstd, finalNorm, head, scratch } = buffers
  normRows(thread, scratch.normed, outputRstd, output, finalNorm, rows)
  const normed = rowAt(scratch.normed, rows.first, model.hiddenSize)
  frozenForward(ops, own.logits, normed, head, rows.count, kernels.path)
}
