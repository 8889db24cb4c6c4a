/** A product of matrices whose rows are some way apart. */
import type { GemmForm, Ops, Pointer } from './ops.ts'

/** Where row `row` of a matrix of `columns` begins. */
export function rowAt(matrix: Pointer, row: number, columns: number): Pointer {
  return matrix + 4 * row * columns
}

/** C (M,N) = or += the product; each matrix with its row stride in elements. */
export function multiply(
  ops: Ops,
  form: GemmForm,
  [M, N, K]: readonly [number, number, number],
  [a, lda]: readonly [Pointer, number],
  [b, ldb]: readonly [Pointer, number],
  [c, ldc]: readonly [Pointer, number],
  accumulate = false,
): void {
  ops.gemm({ form, M, N, K, a, lda, b, ldb, c, ldc, accumulate })
}
