/**
 * One decoder layer of LLaMA: attention and a SwiGLU feed-forward part, each behind an RMSNorm and
 * added to the residual stream.
 *
 * All but attention, and the sums over tokens that make the adapter's gradient, works on single
 * rows. So a layer is a few phases, each on a range of rows, heads or columns: see decoder.ts.
 * Source: Touvron et al. 2023, LLaMA, §2.2.
 */
import type { Buffers, Layer, OwnScratch } from './buffers.ts'
import { type GroupGradients, groupBackward, groupForward, type Rows, rowAt } from './linear.ts'
import type { Ops, Pointer } from './ops.ts'

/** What a thread works with: shared buffers, and scratch of its own. */
export interface Thread {
  ops: Ops
  buffers: Buffers
  own: OwnScratch
  /** The token each document of the micro-batch begins with, then T. */
  starts(): Int32Array
}

/** layer.x -> q, k at their positions, v. */
export function attentionInputs(thread: Thread, layer: Layer, rows: Rows): void {
  const { ops, buffers } = thread
  const { q, k, v, groups } = layer
  const { normed } = buffers.scratch
  normRows(thread, normed, layer.inputRstd, layer.x, layer.inputNorm, rows)
  groupForward(ops, [q, k, v], normed, groups.qkv, rows)
  turn(thread, q, buffers.model.headCount, rows, 1)
  turn(thread, k, buffers.model.kvHeadCount, rows, 1)
}

/** layer.context -> middle, gate and up. */
export function feedForwardInputs(thread: Thread, layer: Layer, rows: Rows): void {
  const { ops, buffers } = thread
  const { x, middle, context, gate, up, groups } = layer
  const { normed } = buffers.scratch
  const D = buffers.model.hiddenSize
  groupForward(ops, [middle], context, groups.o, rows)
  ops.add(rowAt(middle, rows.first, D), rowAt(x, rows.first, D), rows.count * D)
  normRows(thread, normed, layer.middleRstd, middle, layer.middleNorm, rows)
  groupForward(ops, [gate, up], normed, groups.gateUp, rows)
}

/** middle, gate and up -> y (T,D), the layer's output. */
export function feedForwardOutput(thread: Thread, y: Pointer, layer: Layer, rows: Rows): void {
  const { ops, buffers } = thread
  const { middle, groups } = layer
  const { activation } = buffers.scratch
  const D = buffers.model.hiddenSize
  activate(thread, layer, rows)
  groupForward(ops, [y], activation, groups.down, rows)
  ops.add(rowAt(y, rows.first, D), rowAt(middle, rows.first, D), rows.count * D)
}

/** scratch.dx, gradient of the layer's output -> dmiddle and dcontext; dk and dv become zero. */
export function feedForwardBackward(thread: Thread, layer: Layer, rows: Rows): void {
  const { ops, buffers } = thread
  const { intermediateSize: F, kvHeadCount: G, headDim: E } = buffers.model
  const { middle, middleRstd, middleNorm, gate, up, groups } = layer
  const { dx, dmiddle, normed, dactivation, dgate, dup, dcontext, dk, dv, dh } = buffers.scratch
  const { first, count } = rows

  activate(thread, layer, rows)
  groupBackward(ops, dactivation, [dx], groups.down, dh.down, rows)
  const [toGate, toUp, from, gateRows, upRows] = [dgate, dup, dactivation, gate, up].map((p) =>
    rowAt(p, first, F),
  ) as [Pointer, Pointer, Pointer, Pointer, Pointer]
  ops.swigluBackward(toGate, toUp, from, gateRows, upRows, count, F, F)
  normRows(thread, normed, middleRstd, middle, middleNorm, rows)
  groupBackward(ops, buffers.scratch.dnormed, [dgate, dup], groups.gateUp, dh.gateUp, rows)
  normRowsBackward(thread, dmiddle, dx, middle, middleNorm, middleRstd, rows)
  groupBackward(ops, dcontext, [dmiddle], groups.o, dh.o, rows)
  ops.fill(rowAt(dk, first, G * E), 0, count * G * E)
  ops.fill(rowAt(dv, first, G * E), 0, count * G * E)
}

/**
 * dq, dk, dv and dmiddle -> scratch.dx, gradient of the layer's input. `needsInput` false: nothing
 * trainable lies below, and dx is left as it is.
 */
export function attentionInputsBackward(
  thread: Thread,
  layer: Layer,
  rows: Rows,
  needsInput: boolean,
): void {
  const { ops, buffers } = thread
  const { x, inputNorm, inputRstd, groups } = layer
  const { dx, dmiddle, normed, dnormed, dq, dk, dv, dh } = buffers.scratch
  turn(thread, dq, buffers.model.headCount, rows, -1)
  turn(thread, dk, buffers.model.kvHeadCount, rows, -1)
  normRows(thread, normed, inputRstd, x, inputNorm, rows)
  groupBackward(ops, needsInput ? dnormed : null, [dq, dk, dv], groups.qkv, dh.qkv, rows)
  if (needsInput) normRowsBackward(thread, dx, dmiddle, x, inputNorm, inputRstd, rows)
}

/** What the adapter's gradient is made of, once the rows of the feed-forward part are done. */
export function feedForwardGradients(
  { scratch }: Buffers,
  { context }: Layer,
): Record<'o' | 'gateUp' | 'down', GroupGradients> {
  const { dx, dmiddle, normed, activation, dgate, dup, dh } = scratch
  return {
    down: { x: activation, dys: [dx], dh: dh.down },
    gateUp: { x: normed, dys: [dgate, dup], dh: dh.gateUp },
    o: { x: context, dys: [dmiddle], dh: dh.o },
  }
}

/** The same for q, k and v. */
export function attentionGradients({ scratch }: Buffers): GroupGradients {
  const { normed, dq, dk, dv, dh } = scratch
  return { x: normed, dys: [dq, dk, dv], dh: dh.qkv }
}

function activate({ ops, buffers }: Thread, { gate, up }: Layer, { first, count }: Rows): void {
  const F = buffers.model.intermediateSize
  const y = rowAt(buffers.scratch.activation, first, F)
  ops.swigluForward(y, rowAt(gate, first, F), rowAt(up, first, F), count, F, F)
}

/** y (T,D) = norm of x; keeps rstd (T). */
export function normRows(
  { ops, buffers }: Thread,
  y: Pointer,
  rstd: Pointer,
  x: Pointer,
  w: Pointer,
  { first, count }: Rows,
): void {
  const { hiddenSize: D, rmsNormEps } = buffers.model
  const [to, from] = [rowAt(y, first, D), rowAt(x, first, D)]
  ops.rmsNormForward(to, rowAt(rstd, first, 1), from, w, count, D, rmsNormEps)
}

/** dx (T,D) = dsum, gradient of what x was added to, + that of scratch.dnormed through the norm. */
export function normRowsBackward(
  { ops, buffers }: Thread,
  dx: Pointer,
  dsum: Pointer,
  x: Pointer,
  w: Pointer,
  rstd: Pointer,
  { first, count }: Rows,
): void {
  const D = buffers.model.hiddenSize
  const [to, sum, dy, from] = [dx, dsum, buffers.scratch.dnormed, x].map((p) =>
    rowAt(p, first, D),
  ) as [Pointer, Pointer, Pointer, Pointer]
  ops.copy(to, sum, count * D)
  ops.rmsNormBackward(to, dy, from, w, rowAt(rstd, first, 1), count, D)
}

/** Turns the heads of x (T,heads·E) to their positions; a document's first token is at 0. */
function turn(
  thread: Thread,
  x: Pointer,
  heads: number,
  { first, count }: Rows,
  direction: 1 | -1,
): void {
  const { ops, buffers } = thread
  const { cos, sin, model } = buffers
  const E = model.headDim
  const starts = thread.starts()
  for (let document = 0; document + 1 < starts.length; document++) {
    const start = starts[document]!
    const from = Math.max(first, start)
    const rows = Math.min(first + count, starts[document + 1]!) - from
    if (rows <= 0) continue
    const angles = 2 * (from - start) * E
    const to = rowAt(x, from, heads * E)
    ops.rope(to, heads * E, cos + angles, sin + angles, rows, rows, heads, E, direction)
  }
}
