/**
 * Frozen linear layers with LoRA adapters, in groups that read the same x, on a range of rows.
 *
 *   y = x·Wᵀ, y_i += h_i·B_iᵀ with h_i = s_i·x·A_iᵀ
 *
 * W and A are those of all layers of the group, one below the other, and y_i is the columns of y
 * that belong to layer i, as h_i is of h. Rows are tokens. A row of y, h, dh and dx depends on no
 * other row, so a range of rows can be worked off by any thread; dA and dB are sums over all tokens
 * and are cut by columns instead.
 *
 * With DoRA the columns of y are scaled then: see dora.ts. With dropout each layer has an x of its
 * own, x∘M_i, in place of the x that its A_i reads.
 * Source: Hu et al. 2021, LoRA, §4.1.
 */

import { hasMagnitudes, magnitudeGradient, scaleBackward, scaleForward } from './dora.ts'
import type { BaseKernels } from './frozen-base.ts'
import { frozenBackward, frozenForward } from './frozen-product.ts'
import { multiply, rowAt } from './multiply.ts'
import type { Draw } from './noise.ts'
import type { Ops, Pointer } from './ops.ts'
import { COLUMNS_MAX, type OwnScratch } from './own-scratch.ts'
import type { Group, Lora } from './place-group.ts'

/** Tokens first .. first+count-1 of a micro-batch. */
export interface Rows {
  first: number
  count: number
}

/** What is dropped, and room for an x without it. */
export type Drop = Draw & Pick<OwnScratch, 'dropped'>

/** Brings A together where it has several parts. */
export function stackA(ops: Ops, { inputs: I, loras, a }: Group): void {
  for (const lora of loras) {
    if (lora.a !== a) ops.copy(rowAt(a, lora.row, I), lora.a, lora.rank * I)
  }
}

/** x (T,I) -> y (T,O); keeps h (T,ranks). The fold of B continues that of W. */
export function groupForward(
  ops: Ops,
  { path }: BaseKernels,
  y: Pointer,
  x: Pointer,
  group: Group,
  rows: Rows,
  draw: Drop | null,
): void {
  const { inputs: I, outputs: O, weights, loras, ranks, a, h } = group
  const { first, count } = rows
  const [from, to, kept] = [rowAt(x, first, I), rowAt(y, first, O), rowAt(h, first, ranks)]
  for (const { weight, column } of weights) {
    frozenForward(ops, to + 4 * column, from, weight, count, path, O)
  }
  if (ranks === 0) return
  if (draw === null) multiply(ops, 'nt', [count, ranks, I], [from, I], [a, I], [kept, ranks])
  else {
    for (const { rank: R, row, stream } of loras) {
      drop(
        ops,
        draw,
        stream,
        [draw.dropped, I],
        [from, I],
        { first, count },
        { first: 0, count: I },
      )
      const c = [kept + 4 * row, ranks] as const
      multiply(ops, 'nt', [count, R, I], [draw.dropped, I], [rowAt(a, row, I), I], c)
    }
  }
  scaleRanks(ops, group, kept, count)
  for (const { rank: R, row, outputs, column, b } of loras) {
    const c = [to + 4 * column, O] as const
    multiply(ops, 'nt', [count, outputs, R], [kept + 4 * row, ranks], [b, R], c, true)
  }
  scaleForward(ops, y, group, first, count)
}

/** Where a group's x (T,I), dy (T,O), dh (T,ranks) and, with DoRA, du (T,O) are. */
export interface GroupGradients {
  x: Pointer
  dy: Pointer
  /** dy with its columns scaled: the gradient of y before they were. */
  du: Pointer
  dh: Pointer
}

/**
 * dy (T,O) -> du, dh (T,ranks) and dx (T,I), overwritten; the fold of A continues that of W. W is
 * frozen: it has no gradient. `dx` null: nobody needs it.
 */
export function groupBackward(
  ops: Ops,
  { path }: BaseKernels,
  dx: Pointer | null,
  { dy, du, dh }: Omit<GroupGradients, 'x'>,
  group: Group,
  { first, count }: Rows,
  draw: Drop | null,
): void {
  const { inputs: I, outputs: O, weights, loras, ranks, a } = group
  const isScaled = hasMagnitudes(group)
  if (isScaled) scaleBackward(ops, du, dy, group, first, count)
  const [from, down] = [rowAt(isScaled ? du : dy, first, O), rowAt(dh, first, ranks)]
  for (const { rank: R, row, outputs, column, b } of loras) {
    const c = [down + 4 * row, ranks] as const
    multiply(ops, 'nn', [count, R, outputs], [from + 4 * column, O], [b, R], c)
  }
  scaleRanks(ops, group, down, count)
  if (dx === null) return
  const to = rowAt(dx, first, I)
  for (const { weight, column } of weights) {
    frozenBackward(ops, to, from + 4 * column, weight, count, path, column > 0, O)
  }
  if (ranks === 0) return
  if (draw === null) {
    multiply(ops, 'nn', [count, I, ranks], [down, ranks], [a, I], [to, I], true)
    return
  }
  for (const { rank: R, row, stream } of loras) {
    const dx = [draw.dropped, I] as const
    multiply(ops, 'nn', [count, I, R], [down + 4 * row, ranks], [rowAt(a, row, I), I], dx)
    drop(ops, draw, stream, dx, dx, { first, count }, { first: 0, count: I })
    ops.add(to, draw.dropped, count * I)
  }
}

/** y = x∘M, of these rows of the micro-batch and columns of its x; each with its row stride. */
function drop(
  ops: Ops,
  { threshold, seed, batch, firstToken }: Draw,
  stream: number,
  [y, ldy]: readonly [Pointer, number],
  [x, ldx]: readonly [Pointer, number],
  rows: Rows,
  columns: Rows,
): void {
  const [row, column] = [firstToken + rows.first, columns.first]
  const part = { T: rows.count, I: columns.count, ldy, ldx, row, column }
  ops.dropout({ y, x, ...part, threshold, seed, stream, batch })
}

/** Each h_i (count,R_i) of h (count,ranks) times its s_i. */
function scaleRanks(ops: Ops, { loras, ranks }: Group, h: Pointer, count: number): void {
  const [first] = loras
  if (first === undefined) return
  if (loras.every(({ scale }) => scale === first.scale)) {
    ops.scale(h, first.scale, count * ranks)
    return
  }
  for (let row = 0; row < count; row++) {
    for (const lora of loras) ops.scale(rowAt(h, row, ranks) + 4 * lora.row, lora.scale, lora.rank)
  }
}

/** Columns of dA, or rows of the dB and the dM of one layer of the group. */
export interface AdapterPart {
  group: Group
  /** null: of dA. */
  lora: Lora | null
  first: number
  count: number
}

/** dA, dB and dM of a group, cut into parts. */
export function adapterParts(group: Group): AdapterPart[] {
  const { inputs, loras } = group
  if (loras.length === 0) return []
  const ofA = cuts(inputs).map((cut) => ({ group, lora: null, ...cut }))
  const ofB = loras.flatMap((lora) => cuts(lora.outputs).map((cut) => ({ group, lora, ...cut })))
  return [...ofA, ...ofB]
}

/** n cut into pieces of COLUMNS_MAX. */
function cuts(n: number): { first: number; count: number }[] {
  const pieces = Math.ceil(n / COLUMNS_MAX)
  return Array.from({ length: pieces }, (_, i) => {
    const first = i * COLUMNS_MAX
    return { first, count: Math.min(COLUMNS_MAX, n - first) }
  })
}

/** dA += dhᵀ·x, dB_i += dy_iᵀ·h_i, or du_iᵀ·h_i, and dM_i: folds over all T tokens. */
export function adapterGradient(
  ops: Ops,
  { group, lora, first, count }: AdapterPart,
  { x, dy, du, dh }: GroupGradients,
  T: number,
  draw: Drop | null,
): void {
  const { inputs: I, outputs: O, ranks, h, da } = group
  if (lora === null && draw !== null) {
    for (const { rank: R, row, stream } of group.loras) {
      const [to, from] = [[draw.dropped, count] as const, [x + 4 * first, I] as const]
      drop(ops, draw, stream, to, from, { first: 0, count: T }, { first, count })
      const c = [rowAt(da, row, I) + 4 * first, I] as const
      multiply(ops, 'tn', [R, count, T], [dh + 4 * row, ranks], to, c, true)
    }
    return
  }
  if (lora === null) {
    const c = [da + 4 * first, I] as const
    multiply(ops, 'tn', [ranks, count, T], [dh, ranks], [x + 4 * first, I], c, true)
    return
  }
  const { rank: R, row, column, db } = lora
  const from = lora.magnitudes === null ? dy : du
  const [a, c] = [from + 4 * (column + first), rowAt(db, first, R)]
  multiply(ops, 'tn', [count, R, T], [a, O], [h + 4 * row, ranks], [c, R], true)
  magnitudeGradient(ops, group, lora, dy, { first, count }, T)
}

/** Brings dA together where A has several parts, so that the folds go on, and back. */
export function stackGradients(ops: Ops, { inputs: I, loras, da }: Group): void {
  for (const lora of loras) {
    if (lora.da !== da) ops.copy(rowAt(da, lora.row, I), lora.da, lora.rank * I)
  }
}

export function unstackGradients(ops: Ops, { inputs: I, loras, da }: Group): void {
  for (const lora of loras) {
    if (lora.da !== da) ops.copy(lora.da, rowAt(da, lora.row, I), lora.rank * I)
  }
}
