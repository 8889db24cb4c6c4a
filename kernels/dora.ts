/**
 * DoRA: each row of V = W + s·B·A, a direction, has a magnitude m that is learned. Column by column
 * of y, y = x·Vᵀ · m / ‖V‖. The adapter holds M = m - ‖W‖, so that it starts from zero as B does,
 * whatever the base.
 *
 * Norms are roots of sums of squares in float64, as ops.ts has them. They follow from base and
 * adapter, so they are made once for each adapter, by blocks of rows. No gradient goes through
 * ‖V‖: dM = Σ dy · (x·Vᵀ / ‖V‖), and what comes down is dy · m / ‖V‖. Of a row of V that is zero, m
 * means nothing: its column of y stays zero.
 * Source: Liu et al. 2024, DoRA, §4.1 and §4.3.
 */
import type { Layer } from './buffers.ts'
import { weightRows } from './frozen.ts'
import { multiply, rowAt } from './multiply.ts'
import type { Ops, Pointer } from './ops.ts'
import { COLUMNS_MAX, DIRECTION_ROWS, type OwnScratch } from './own-scratch.ts'
import type { Group, Lora, Magnitudes } from './place-group.ts'

/** Some rows of one V. */
export interface DirectionPart {
  group: Group
  lora: Lora
  magnitudes: Magnitudes
  first: number
  count: number
}

/** All rows of a layer that have magnitudes, cut into parts; empty where none has. */
export function directionParts({ groups }: Layer): DirectionPart[] {
  return Object.values(groups).flatMap((group) =>
    group.loras.flatMap((lora) => {
      const { magnitudes, outputs } = lora
      if (magnitudes === null) return []
      return Array.from({ length: Math.ceil(outputs / COLUMNS_MAX) }, (_, i) => {
        const first = i * COLUMNS_MAX
        return { group, lora, magnitudes, first, count: Math.min(COLUMNS_MAX, outputs - first) }
      })
    }),
  )
}

/** The base and the adapter that are in place -> factor and inverse of these rows. */
export function measureDirections(ops: Ops, own: OwnScratch, part: DirectionPart): void {
  const { group, lora, magnitudes, first, count } = part
  const { inputs: I, weights } = group
  const { rank: R, scale, column } = lora
  const { weight, column: start } = weights.findLast((each) => each.column <= column)!
  const [V, scaledB, ids] = [own.directions, own.directionB, own.directionIds]
  new Int32Array(ops.memory.buffer, ids, DIRECTION_ROWS).forEach((_, row, all) => {
    all[row] = row
  })
  const floats = (pointer: Pointer) =>
    new Float32Array(ops.memory.buffer, rowAt(pointer, first, 1), count)
  const [m, factor, inverse] = [magnitudes.m, magnitudes.factor, magnitudes.inverse].map(
    floats,
  ) as [Float32Array, Float32Array, Float32Array]
  const normOf = (row: number) => Math.sqrt(ops.sumSquares(rowAt(V, row, I), I))
  for (let done = 0; done < count; done += DIRECTION_ROWS) {
    const n = Math.min(DIRECTION_ROWS, count - done)
    ops.gatherFrozen(V, weightRows(weight, column - start + first + done, n), ids, n)
    const ofBase = Array.from({ length: n }, (_, row) => normOf(row))
    ops.copy(scaledB, rowAt(lora.b, first + done, R), n * R)
    ops.scale(scaledB, scale, n * R)
    multiply(ops, 'nn', [n, I, R], [scaledB, R], [lora.a, I], [V, I], true)
    for (const [row, base] of ofBase.entries()) {
      const norm = normOf(row)
      const at = done + row
      factor[at] = norm === 0 ? 0 : (base + m[at]!) / norm
      inverse[at] = norm === 0 ? 0 : 1 / norm
    }
  }
}

/** y (T,O) -> y with the columns scaled that have magnitudes; keeps what it was. */
export function scaleForward(ops: Ops, y: Pointer, group: Group, first: number, count: number) {
  const { outputs: O, loras, raw } = group
  if (!hasMagnitudes(group)) return
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
  for (const { magnitudes, column, outputs } of loras) {
    if (magnitudes === null) continue
    ops.scaleColumns(y + 4 * column, x + 4 * column, magnitudes.factor, count, outputs, O)
  }
}

/** dM += Σ dy · raw / ‖V‖ of rows first..first+count-1 of V: a fold over all T tokens. */
export function magnitudeGradient(
  ops: Ops,
  { outputs: O, raw }: Group,
  { magnitudes, column }: Lora,
  dy: Pointer,
  { first, count }: { first: number; count: number },
  T: number,
): void {
  if (magnitudes === null) return
  const [from, kept] = [dy, raw].map((pointer) => pointer + 4 * (column + first))
  const [to, inverse] = [magnitudes.dm, magnitudes.inverse].map((pointer) =>
    rowAt(pointer, first, 1),
  )
  ops.addColumnProducts(to!, from!, kept!, inverse!, T, count, O)
}

export function hasMagnitudes({ loras }: Group): boolean {
  return loras.some(({ magnitudes }) => magnitudes !== null)
}
