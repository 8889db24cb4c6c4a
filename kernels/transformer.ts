/**
 * The decoder, read top to bottom: embedding, layers, head; and back again down to the adapter.
 *
 * The base is frozen, so the backward carries gradients of activations and of A and B only, and
 * stops where nothing below can learn. T tokens are T / S sequences of S tokens, one after the
 * other.
 */
import type { Buffers } from './buffers.ts'
import { headLossAndGradient } from './head.ts'
import { layerBackward, layerForward } from './layer.ts'
import type { Ops } from './ops.ts'

/** buffers.tokens (T) -> buffers.output (T,D). Keeps what the backward needs. */
export function decoderForward(ops: Ops, buffers: Buffers, T: number, S: number): void {
  const { model, embedding, tokens, layers, output } = buffers
  const first = layers[0]!.x
  ops.gatherRows(first, embedding, tokens, T, model.hiddenSize)
  for (const [index, layer] of layers.entries()) {
    layerForward(ops, layers[index + 1]?.x ?? output, layer, buffers, T, S)
  }
}

/**
 * Forward and backward of one micro-batch: adds gradientScale · the gradient of the summed loss to
 * buffers.gradient (N) and returns the summed loss.
 */
export function lossAndGradient(
  ops: Ops,
  buffers: Buffers,
  T: number,
  S: number,
  gradientScale: number,
): number {
  decoderForward(ops, buffers, T, S)
  const loss = headLossAndGradient(ops, buffers, T, gradientScale)
  for (const [index, layer] of [...buffers.layers.entries()].reverse()) {
    layerBackward(ops, layer, buffers, T, S, index > 0)
  }
  return loss
}
