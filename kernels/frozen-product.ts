/**
 * Products with a frozen weight, cut into operations that end soon, so that a pause, which is felt
 * between two operations, is felt at once. A cut runs along the weight's rows: forwards they are
 * columns of y, backwards the fold over them goes on from one piece to the next. Pieces are whole
 * blocks of the integer path, so no bit depends on them.
 *
 * A weight of a kind that has no integer path in a direction is multiplied in float32 in any case.
 */
import { hasIntegerPath } from './blocks.ts'
import { weightRows } from './frozen.ts'
import type { FrozenWeight, Ops, Pointer, ProductPath } from './ops.ts'

/** Multiply-adds of one operation, at most: some 25 ms of a core that makes 45 GFLOP a second. */
const PIECE_PRODUCTS = 2 ** 29
/** Rows of a weight that the integer path sums as one, backwards. */
const ROWS_UNIT = 512

/** y (T,O) = x (T,I)·Wᵀ; rows of y are ldy numbers apart. */
export function frozenForward(
  ops: Ops,
  y: Pointer,
  x: Pointer,
  weight: FrozenWeight,
  T: number,
  path: ProductPath,
  ldy = weight.outputs,
  productsMax = PIECE_PRODUCTS,
): void {
  const own = hasIntegerPath(weight.kind, false) ? path : 'float32'
  for (const { first, rows } of pieces(weight, T, productsMax)) {
    ops.frozenForward(y + 4 * first, x, rows, T, own, false, ldy)
  }
}

/** dx (T,I) = or += dy (T,O)·W; rows of dy are lddy numbers apart. */
export function frozenBackward(
  ops: Ops,
  dx: Pointer,
  dy: Pointer,
  weight: FrozenWeight,
  T: number,
  path: ProductPath,
  accumulate = false,
  lddy = weight.outputs,
  productsMax = PIECE_PRODUCTS,
): void {
  const own = hasIntegerPath(weight.kind, true) ? path : 'float32'
  for (const { first, rows } of pieces(weight, T, productsMax)) {
    ops.frozenBackward(dx, dy + 4 * first, rows, T, own, accumulate || first > 0, lddy)
  }
}

function pieces(
  weight: FrozenWeight,
  T: number,
  productsMax: number,
): { first: number; rows: FrozenWeight }[] {
  const { outputs, inputs } = weight
  const units = Math.floor(productsMax / (Math.max(1, T * inputs) * ROWS_UNIT))
  const most = ROWS_UNIT * Math.max(1, units)
  return Array.from({ length: Math.max(1, Math.ceil(outputs / most)) }, (_, i) => {
    const first = i * most
    return { first, rows: weightRows(weight, first, Math.min(most, outputs - first)) }
  })
}
