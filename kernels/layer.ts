/**
 * One decoder layer of LLaMA: attention and a SwiGLU feed-forward part, each behind an RMSNorm and
 * added to the residual stream.
 *
 * All but attention, and the sums over tokens that make the adapter's gradient, works on single
 * rows. So a layer is a few stages, each on a range of rows, heads or columns: see decoder.ts.
 * Source: Touvron et al. 2023, LLaMA, §2.2.
 */
import type { Buffers, Layer } from './buffers.ts'
import type { GroupName } from './groups.ts'
import { type Drop, type GroupGradients, groupBackward, groupForward, type Rows } from './linear.ts'
import { rowAt } from './multiply.ts'
import type { Ops, Pointer } from './ops.ts'
import type { OwnScratch } from './own-scratch.ts'

/** What a thread works with: shared buffers, and scratch of its own. */
export interface Thread {
  ops: Ops
  buffers: Buffers
  own: OwnScratch
  /** The token each document of the micro-batch begins with, then T. */
  starts(): Int32Array
  /** What is dropped of the micro-batch; null: nothing. */
  draw(): Drop | null
}

/** layer.x -> q and k at their positions, and v. */
export function attentionInputs(thread: Thread, layer: Layer, rows: Rows): void {
  const { ops, buffers } = thread
  const { qkv, groups } = layer
  const { normed } = buffers.scratch
  normRows(thread, normed, layer.inputRstd, layer.x, layer.inputNorm, rows)
  groupForward(ops, buffers.kernels, qkv, normed, groups.qkv, rows, thread.draw())
  addBias(thread, layer, rows)
  normHeads(thread, layer, rows)
  turn(thread, qkv, rows, 1)
}

/** layer.context -> middle, gate and up. */
export function feedForwardInputs(thread: Thread, layer: Layer, rows: Rows): void {
  const { ops, buffers } = thread
  const { x, middle, context, gateUp, groups } = layer
  const { normed } = buffers.scratch
  groupForward(ops, buffers.kernels, middle, context, groups.o, rows, thread.draw())
  addRows(thread, middle, x, rows)
  normRows(thread, normed, layer.middleRstd, middle, layer.middleNorm, rows)
  groupForward(ops, buffers.kernels, gateUp, normed, groups.gateUp, rows, thread.draw())
}

/** middle, gate and up -> y (T,D), the layer's output. */
export function feedForwardOutput(thread: Thread, y: Pointer, layer: Layer, rows: Rows): void {
  const { ops, buffers } = thread
  const { middle, groups } = layer
  activate(thread, layer, rows)
  groupForward(
    ops,
    buffers.kernels,
    y,
    buffers.scratch.activation,
    groups.down,
    rows,
    thread.draw(),
  )
  addRows(thread, y, middle, rows)
}

/** scratch.dx, gradient of the layer's output -> dmiddle and dcontext; dqkv becomes zero. */
export function feedForwardBackward(thread: Thread, layer: Layer, rows: Rows): void {
  const { ops, buffers } = thread
  const { kernels, scratch } = buffers
  const { middle, middleRstd, middleNorm, gateUp, groups } = layer
  const { dx, dmiddle, normed, dnormed, dactivation, dgateUp, dcontext, dqkv } = scratch
  const { first, count } = rows
  const F = buffers.model.intermediateSize

  activate(thread, layer, rows)
  const { down, gateUp: ofGateUp, o } = groupGradients(buffers, layer)
  groupBackward(ops, kernels, dactivation, down, groups.down, rows, thread.draw())
  const [to, from] = [rowAt(dgateUp, first, 2 * F), rowAt(gateUp, first, 2 * F)]
  const dy = rowAt(dactivation, first, F)
  ops.swigluBackward(to, to + 4 * F, dy, from, from + 4 * F, count, F, 2 * F)
  normRows(thread, normed, middleRstd, middle, middleNorm, rows)
  groupBackward(ops, kernels, dnormed, ofGateUp, groups.gateUp, rows, thread.draw())
  normRowsBackward(thread, dmiddle, dx, middle, middleNorm, middleRstd, rows)
  groupBackward(ops, kernels, dcontext, o, groups.o, rows, thread.draw())
  const O = groups.qkv.outputs
  ops.fill(rowAt(dqkv, first, O), 0, count * O)
}

/**
 * dqkv and dmiddle -> scratch.dx, gradient of the layer's input. `needsInput` false: nothing
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
  const { dx, dmiddle, normed, dnormed, dqkv } = buffers.scratch
  turn(thread, dqkv, rows, -1)
  normHeadsBackward(thread, layer, rows)
  normRows(thread, normed, inputRstd, x, inputNorm, rows)
  const to = needsInput ? dnormed : null
  const { qkv } = groupGradients(buffers, layer)
  groupBackward(ops, buffers.kernels, to, qkv, groups.qkv, rows, thread.draw())
  if (needsInput) normRowsBackward(thread, dx, dmiddle, x, inputNorm, inputRstd, rows)
}

/** What the adapter's gradient is made of, once the rows that it sums over are done. */
export function groupGradients(
  { scratch }: Buffers,
  { context }: Layer,
): Record<GroupName, GroupGradients> {
  const { dx, dmiddle, normed, activation, dgateUp, dqkv, dh, du } = scratch
  return {
    qkv: { x: normed, dy: dqkv, du: du.qkv, dh: dh.qkv },
    o: { x: context, dy: dmiddle, du: du.o, dh: dh.o },
    gateUp: { x: normed, dy: dgateUp, du: du.gateUp, dh: dh.gateUp },
    down: { x: activation, dy: dx, du: du.down, dh: dh.down },
  }
}

function activate({ ops, buffers }: Thread, { gateUp }: Layer, { first, count }: Rows): void {
  const F = buffers.model.intermediateSize
  const from = rowAt(gateUp, first, 2 * F)
  const y = rowAt(buffers.scratch.activation, first, F)
  ops.swigluForward(y, from, from + 4 * F, count, F, 2 * F)
}

/** y (T,D) += x. */
function addRows({ ops, buffers }: Thread, y: Pointer, x: Pointer, { first, count }: Rows): void {
  const D = buffers.model.hiddenSize
  ops.add(rowAt(y, first, D), rowAt(x, first, D), count * D)
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

/** The frozen bias of q, k and v, which has no gradient. */
function addBias({ ops, buffers }: Thread, layer: Layer, { first, count }: Rows): void {
  if (!buffers.model.qkvBias) return
  const O = layer.groups.qkv.outputs
  for (let row = first; row < first + count; row++) {
    ops.add(rowAt(layer.qkv, row, O), layer.qkvBias, O)
  }
}

/**
 * Norms each head of q and k (T,(H+2G)·E) in place; keeps what they were.
 * Source: Qwen Team 2025, Qwen3 Technical Report, §2 (QK-Norm).
 */
function normHeads({ ops, buffers }: Thread, layer: Layer, { first, count }: Rows): void {
  const { headNorm, headCount: H, kvHeadCount: G, headDim: E, rmsNormEps } = buffers.model
  if (!headNorm) return
  for (let row = first; row < first + count; row++) {
    const q = rowAt(layer.qkv, row, (H + 2 * G) * E)
    const raw = rowAt(layer.rawHeads, row, (H + G) * E)
    const rstd = rowAt(layer.headRstd, row, H + G)
    const [k, rawK, rstdK] = [rowAt(q, H, E), rowAt(raw, H, E), rowAt(rstd, H, 1)]
    ops.copy(raw, q, (H + G) * E)
    ops.rmsNormForward(q, rstd, raw, layer.headNorm.q, H, E, rmsNormEps)
    ops.rmsNormForward(k, rstdK, rawK, layer.headNorm.k, G, E, rmsNormEps)
  }
}

/** The same way back, for scratch.dqkv; dcontext, which nobody needs any more, holds a copy. */
function normHeadsBackward({ ops, buffers }: Thread, layer: Layer, { first, count }: Rows): void {
  const { headNorm, headCount: H, kvHeadCount: G, headDim: E } = buffers.model
  if (!headNorm) return
  const { dqkv, dcontext } = buffers.scratch
  const back = (dx: Pointer, dy: Pointer, x: Pointer, w: Pointer, rstd: Pointer, heads: number) => {
    ops.copy(dy, dx, heads * E)
    ops.fill(dx, 0, heads * E)
    ops.rmsNormBackward(dx, dy, x, w, rstd, heads, E)
  }
  for (let row = first; row < first + count; row++) {
    const dq = rowAt(dqkv, row, (H + 2 * G) * E)
    const dy = rowAt(dcontext, row, H * E)
    const raw = rowAt(layer.rawHeads, row, (H + G) * E)
    const rstd = rowAt(layer.headRstd, row, H + G)
    back(dq, dy, raw, layer.headNorm.q, rstd, H)
    back(rowAt(dq, H, E), dy, rowAt(raw, H, E), layer.headNorm.k, rowAt(rstd, H, 1), G)
  }
}

/** Turns the heads of q and k (T,(H+2G)·E) to their positions; a document's first token is at 0. */
function turn(thread: Thread, qkv: Pointer, { first, count }: Rows, direction: 1 | -1): void {
  const { ops, buffers } = thread
  const { cos, sin, model } = buffers
  const { headCount: H, kvHeadCount: G, headDim: E } = model
  const ld = (H + 2 * G) * E
  const starts = thread.starts()
  for (let document = 0; document + 1 < starts.length; document++) {
    const start = starts[document]!
    const from = Math.max(first, start)
    const rows = Math.min(first + count, starts[document + 1]!) - from
    if (rows <= 0) continue
    const angles = 2 * (from - start) * E
    ops.rope(rowAt(qkv, from, ld), ld, cos + angles, sin + angles, rows, rows, H + G, E, direction)
  }
}
