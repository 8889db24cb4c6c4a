/**
 * One decoder layer of LLaMA: attention and a SwiGLU feed-forward part, each behind an RMSNorm and
 * added to the residual stream.
 * Source: Touvron et al. 2023, LLaMA, §2.2.
 */
import { attentionBackward, attentionForward } from './attention.ts'
import type { Buffers, Layer } from './buffers.ts'
import { linearBackward, linearForward } from './linear.ts'
import type { Ops, Pointer } from './ops.ts'

/** layer.x (T,D) -> y (T,D). */
export function layerForward(
  ops: Ops,
  y: Pointer,
  layer: Layer,
  { model, cos, sin, scratch }: Buffers,
  T: number,
  S: number,
): void {
  const { hiddenSize: D, intermediateSize: F, headCount, kvHeadCount, headDim: E } = model
  const { x, q, k, v, context, middle, gate, up, linear } = layer
  const { normed, activation } = scratch

  ops.rmsNormForward(normed, layer.inputRstd, x, layer.inputNorm, T, D, model.rmsNormEps)
  linearForward(ops, q, normed, linear.q, T)
  linearForward(ops, k, normed, linear.k, T)
  linearForward(ops, v, normed, linear.v, T)
  ops.rope(q, cos, sin, T, S, headCount, E, 1)
  ops.rope(k, cos, sin, T, S, kvHeadCount, E, 1)
  attentionForward(ops, context, layer, scratch, model, T, S)
  linearForward(ops, middle, context, linear.o, T)
  ops.add(middle, x, T * D)

  ops.rmsNormForward(normed, layer.middleRstd, middle, layer.middleNorm, T, D, model.rmsNormEps)
  linearForward(ops, gate, normed, linear.gate, T)
  linearForward(ops, up, normed, linear.up, T)
  ops.swigluForward(activation, gate, up, T * F)
  linearForward(ops, y, activation, linear.down, T)
  ops.add(y, middle, T * D)
}

/**
 * scratch.dx (T,D), gradient of the layer's output -> of its input, in place; the adapter's
 * gradients accumulate. `needsInput` false: nothing trainable lies below, and dx is left undefined.
 */
export function layerBackward(
  ops: Ops,
  layer: Layer,
  buffers: Buffers,
  T: number,
  S: number,
  needsInput: boolean,
): void {
  feedForwardBackward(ops, layer, buffers, T)
  attentionPartBackward(ops, layer, buffers, T, S, needsInput)
}

function feedForwardBackward(ops: Ops, layer: Layer, { model, scratch }: Buffers, T: number): void {
  const { hiddenSize: D, intermediateSize: F } = model
  const { middle, middleNorm, middleRstd, gate, up, linear } = layer
  const { dx, normed, dnormed, activation, dactivation, dgate, dup, dh } = scratch

  ops.swigluForward(activation, gate, up, T * F)
  linearBackward(ops, dactivation, dx, activation, linear.down, T, { dh, accumulate: false })
  ops.swigluBackward(dgate, dup, dactivation, gate, up, T * F)
  ops.rmsNormForward(normed, middleRstd, middle, middleNorm, T, D, model.rmsNormEps)
  linearBackward(ops, dnormed, dgate, normed, linear.gate, T, { dh, accumulate: false })
  linearBackward(ops, dnormed, dup, normed, linear.up, T, { dh, accumulate: true })
  ops.rmsNormBackward(dx, dnormed, middle, middleNorm, middleRstd, T, D)
}

function attentionPartBackward(
  ops: Ops,
  layer: Layer,
  { model, cos, sin, scratch }: Buffers,
  T: number,
  S: number,
  needsInput: boolean,
): void {
  const { hiddenSize: D, headCount, kvHeadCount, headDim: E } = model
  const { x, inputNorm, inputRstd, context, linear } = layer
  const { dx, normed, dcontext, dq, dk, dv, dh } = scratch

  linearBackward(ops, dcontext, dx, context, linear.o, T, { dh, accumulate: false })
  attentionBackward(ops, { q: dq, k: dk, v: dv }, dcontext, layer, scratch, model, T, S)
  ops.rope(dq, cos, sin, T, S, headCount, E, -1)
  ops.rope(dk, cos, sin, T, S, kvHeadCount, E, -1)
  ops.rmsNormForward(normed, inputRstd, x, inputNorm, T, D, model.rmsNormEps)
  const dnormed = needsInput ? scratch.dnormed : null
  linearBackward(ops, dnormed, dq, normed, linear.q, T, { dh, accumulate: false })
  linearBackward(ops, dnormed, dk, normed, linear.k, T, { dh, accumulate: true })
  linearBackward(ops, dnormed, dv, normed, linear.v, T, { dh, accumulate: true })
  if (needsInput) ops.rmsNormBackward(dx, scratch.dnormed, x, inputNorm, inputRstd, T, D)
}
