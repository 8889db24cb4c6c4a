/**
 * Frozen linear layers with LoRA adapters, in groups that read the same x, on a range of rows.
 *
 *   y_i = x·W_iᵀ + h_i·B_iᵀ with h = s·x·Aᵀ, s = alpha / R, and A all A_i, one below the other
 *
 * Rows are tokens. A row of y, h, dh and dx depends on no other row, so a range of rows can be
 * worked off by any thread; dA and dB are sums over all tokens and are cut by columns instead.
 * Source: Hu et al. 2021, LoRA, §4.1.
 */
import type { Group, Linear } from './buffers.ts'
import type { GemmForm, Ops, Pointer } from './ops.ts'

/** Tokens first .. first+count-1 of a micro-batch. */
export interface Rows {
  first: number
  count: number
}

/** Where row `row` of a matrix of `columns` begins. */
export function rowAt(matrix: Pointer, row: number, columns: number): Pointer {
  return matrix + 4 * row * columns
}

/** Brings the A of a group together where there are several. */
export function stackA(ops: Ops, { inputs: I, linears, a }: Group): void {
  for (const { lora } of linears) {
    if (lora !== null && lora.a !== a) ops.copy(rowAt(a, lora.first, I), lora.a, lora.rank * I)
  }
}

/** x (T,I) -> each y_i (T,O_i); keeps h (T,ranks). A continues no fold; B continues that of W. */
export function groupForward(
  ops: Ops,
  ys: readonly Pointer[],
  x: Pointer,
  group: Group,
  { first, count }: Rows,
): void {
  const { inputs: I, linears, ranks, scale } = group
  const xRows = rowAt(x, first, I)
  const h = rowAt(group.h, first, ranks)
  if (ranks > 0) {
    multiply(ops, 'nt', count, ranks, I, [xRows, I], [group.a, I], [h, ranks])
    ops.scale(h, scale, count * ranks)
  }
  for (const [i, { outputs: O, weight, lora }] of linears.entries()) {
    const y = rowAt(ys[i]!, first, O)
    multiply(ops, 'nt', count, O, I, [xRows, I], [weight, I], [y, O])
    if (lora === null) continue
    const { rank: R, b } = lora
    multiply(ops, 'nt', count, O, R, [h + 4 * lora.first, ranks], [b, R], [y, O], true)
  }
}

/**
 * Each dy_i (T,O_i) -> dx (T,I), overwritten, and dh (T,ranks). W is frozen: it has no gradient.
 * `dx` null: nobody needs it.
 */
export function groupBackward(
  ops: Ops,
  dx: Pointer | null,
  dys: readonly Pointer[],
  group: Group,
  dh: Pointer,
  { first, count }: Rows,
): void {
  const { inputs: I, linears, ranks, scale } = group
  const dhRows = rowAt(dh, first, ranks)
  for (const [i, { outputs: O, lora }] of linears.entries()) {
    if (lora === null) continue
    const dy = rowAt(dys[i]!, first, O)
    const to = dhRows + 4 * lora.first
    multiply(ops, 'nn', count, lora.rank, O, [dy, O], [lora.b, lora.rank], [to, ranks])
  }
  if (ranks > 0) ops.scale(dhRows, scale, count * ranks)
  if (dx === null) return
  const to = rowAt(dx, first, I)
  for (const [i, { outputs: O, weight, lora }] of linears.entries()) {
    const dy = rowAt(dys[i]!, first, O)
    multiply(ops, 'nn', count, I, O, [dy, O], [weight, I], [to, I], i > 0)
    if (lora === null) continue
    const { rank: R, a } = lora
    multiply(ops, 'nn', count, I, R, [dhRows + 4 * lora.first, ranks], [a, I], [to, I], true)
  }
}

/** A part of dA or dB: every thread can work off a few. */
export type AdapterPart =
  | { of: 'A'; group: Group; first: number; count: number }
  | { of: 'B'; group: Group; index: number; first: number; count: number }

/** Columns of dA, rows of dB in one part. */
const PART_MAX = 256

/** dA and dB of a group, cut into parts. */
export function adapterParts(group: Group): AdapterPart[] {
  if (group.ranks === 0) return []
  const parts: AdapterPart[] = []
  for (const [first, count] of cuts(group.inputs)) parts.push({ of: 'A', group, first, count })
  for (const [index, { outputs, lora }] of group.linears.entries()) {
    if (lora === null) continue
    for (const [first, count] of cuts(outputs)) {
      parts.push({ of: 'B', group, index, first, count })
    }
  }
  return parts
}

/** Where a group's x (T,I), dy_i (T,O_i) and dh (T,ranks) are. */
export interface GroupGradients {
  x: Pointer
  dys: readonly Pointer[]
  dh: Pointer
}

/** dA += dhᵀ·x, dB_i += dy_iᵀ·h_i: folds over all T tokens. */
export function adapterGradient(
  ops: Ops,
  part: AdapterPart,
  { x, dys, dh }: GroupGradients,
  T: number,
): void {
  const { group, first, count } = part
  const { inputs: I, ranks, h, da } = group
  if (part.of === 'A') {
    const to = da + 4 * first
    multiply(ops, 'tn', ranks, count, T, [dh, ranks], [x + 4 * first, I], [to, I], true)
    return
  }
  const { outputs: O, lora } = group.linears[part.index]!
  const { rank: R, db } = lora!
  const dy = dys[part.index]! + 4 * first
  const to = rowAt(db, first, R)
  multiply(ops, 'tn', count, R, T, [dy, O], [h + 4 * lora!.first, ranks], [to, R], true)
}

/** Brings the gradients of several A together, so that their folds go on, and back. */
export function stackGradients(ops: Ops, group: Group): void {
  moveGradients(group, (stacked, own, n) => ops.copy(stacked, own, n))
}

export function unstackGradients(ops: Ops, group: Group): void {
  moveGradients(group, (stacked, own, n) => ops.copy(own, stacked, n))
}

function moveGradients(
  { inputs: I, linears, da }: Group,
  move: (stacked: Pointer, own: Pointer, n: number) => void,
): void {
  for (const { lora } of linears as readonly Linear[]) {
    if (lora === null || lora.da === da) continue
    move(rowAt(da, lora.first, I), lora.da, lora.rank * I)
  }
}

/** n cut into pieces of PART_MAX: first and count of each. */
function cuts(n: number): [first: number, count: number][] {
  const pieces = Math.ceil(n / PART_MAX)
  return Array.from({ length: pieces }, (_, i) => [
    i * PART_MAX,
    Math.min(PART_MAX, n - i * PART_MAX),
  ])
}

/** C (M,N) = or += the product; each matrix with its row stride in elements. */
export function multiply(
  ops: Ops,
  form: GemmForm,
  M: number,
  N: number,
  K: number,
  [a, lda]: readonly [Pointer, number],
  [b, ldb]: readonly [Pointer, number],
  [c, ldc]: readonly [Pointer, number],
  accumulate = false,
): void {
  ops.gemm({ form, M, N, K, a, lda, b, ldb, c, ldc, accumulate })
}
