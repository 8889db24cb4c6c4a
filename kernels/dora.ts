/**
 * DoRA: each row of V = W + s·B·A is brought to a length that is learned, y = x·Vᵀ · m / ‖V‖, row by
 * row of V. The adapter holds M = m - ‖W‖, so that it starts from zero as B does, whatever the base.
 *
 * Lengths are roots of sums of squares in float64, as ops.ts has them. They follow from base and
 * adapter, so they are made once for each adapter, by blocks of rows, and no gradient goes through
 * ‖V‖: dM = Σ dy · (x·Vᵀ / ‖V‖), and what comes down is dy · m / ‖V‖. A row of no length stays as
 * it is.
 * Source: Liu et al. 2024, DoRA, §4.1 and §4.3.
 */
import type { Group, Layer, Lengths, Lora } from './buffers.ts'
import { weightRows } from './frozen.ts'
import { multiply, rowAt } from './multiply.ts'
import type { Ops, Pointer } from './ops.ts'
import { COLUMNS_MAX, LENGTH_ROWS, type OwnScratch } from './own-scratch.ts'

/** Rows of one V. */
export interface LengthPart {
  group: Group
  lora: Lora
  lengths: Lengths
  first: number
  count: number
}

/** The rows whose lengths a layer learns, cut into parts; empty where it learns none. */
export function lengthParts({ groups }: Layer): LengthPart[] {
  return Object.values(groups).flatMap((group) =>
    group.loras.flatMap((lora) => {
      const { lengths, outputs } = lora
      if (lengths === null) return []
      return Array.from({ length: Math.ceil(outputs / COLUMNS_MAX) }, (_, i) => {
        const first = i * COLUMNS_MAX
        return { group, lora, lengths, first, count: Math.min(COLUMNS_MAX, outputs - first) }
      })
    }),
  )
}

/** The base and the adapter that are in place -> factor and inverse of these rows. */
export function measureRows(ops: Ops, own: OwnScratch, part: LengthPart): void {
  const { group, lora, lengths, first, count } = part
  const { inputs: I, weights } = group
  const { rank: R, scale, column } = lora
  const { weight, column: start } = weights.findLast((each) => each.column <= column)!
  const [V, scaledB, ids] = [own.lengthRows, own.lengthB, own.lengthIds]
  new Int32Array(ops.memory.buffer, ids, LENGTH_ROWS).forEach((_, row, all) => {
    all[row] = row
  })
  const floats = (pointer: Pointer) =>
    new Float32Array(ops.memory.buffer, rowAt(pointer, first, 1), count)
  const [m, factor, inverse] = [lengths.m, lengths.factor, lengths.inverse].map(floats) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  const lengthOf = (row: number) => Math.sqrt(ops.sumSquares(rowAt(V, row, I), I))
  for (let done = 0; done < count; done += LENGTH_ROWS) {
    const n = Math.min(LENGTH_ROWS, count - done)
    ops.gatherFrozen(V, weightRows(weight, column - start + first + done, n), ids, n)
    const ofBase = Array.from({ length: n }, (_, row) => lengthOf(row))
    ops.copy(scaledB, rowAt(lora.b, first + done, R), n * R)
    ops.scale(scaledB, scale, n * R)
    multiply(ops, 'nn', [n, I, R], [scaledB, R], [lora.a, I], [V, I], true)
    for (const [row, base] of ofBase.entries()) {
      const length = lengthOf(row)
      const at = done + row
      factor[at] = length === 0 ? 0 : (base + m[at]!) / length
      inverse[at] = length === 0 ? 0 : 1 / length
    }
  }
}

/** y (T,O) -> y with the columns of layers that learn lengths scaled; keeps what it was. */
export function scaleForward(ops: Ops, y: Pointer, group: Group, first: number, count: number) {
  const { outputs: O, loras, raw } = group
  if (!learnsLengths(group)) return
  const [to, kept] = [rowAt(y, first, O), rowAt(raw, first, O)]
  ops.copy(kept, to, count * O)
  scaleInto(ops, to, kept, loras, O, count)
}

/** dy (T,O) -> du (T,O), what comes down of it. */
export function scaleBackward(
  ops: Ops,
  du: Pointer,
  dy: Pointer,
  { outputs: O, loras }: Group,
  first: number,
  count: number,
): void {
  const [to, from] = [rowAt(du, first, O), rowAt(dy, first, O)]
  ops.copy(to, from, count * O)
  scaleInto(ops, to, from, loras, O, count)
}

function scaleInto(
  ops: Ops,
  y: Pointer,
  x: Pointer,
  loras: readonly Lora[],
  O: number,
  count: number,
): void {
  for (const { lengths, column, outputs } of loras) {
    if (lengths === null) continue
    ops.scaleColumns(y + 4 * column, x + 4 * column, lengths.factor, count, outputs, O)
  }
}

/** dM += Σ dy · raw / ‖V‖ of rows first..first+count-1 of V: a fold over all T tokens. */
export function lengthGradient(
  ops: Ops,
  { outputs: O, raw }: Group,
  { lengths, column }: Lora,
  dy: Pointer,
  { first, count }: { first: number; count: number },
  T: number,
): void {
  if (lengths === null) return
  const [from, kept] = [dy, raw].map((pointer) => pointer + 4 * (column + first))
  const [to, inverse] = [lengths.dm, lengths.inverse].map((pointer) => rowAt(pointer, first, 1))
  ops.addColumnProducts(to!, from!, kept!, inverse!, T, count, O)
}

export function learnsLengths({ loras }: Group): boolean {
  return loras.some(({ lengths }) => lengths !== null)
}
