/** The product of two matrices, as the definition says it: each element is one left fold over k. */
import type { Gemm } from '../ops.ts'

const f = Math.fround

export function gemm(memory: WebAssembly.Memory, gemm: Gemm): void {
  const { form, M, N, K, a, lda, b, ldb, c, ldc, accumulate } = gemm
  const x = new Float32Array(memory.buffer)
  const [aRow, aColumn] = form === 'tn' ? [1, lda] : [lda, 1]
  const [bRow, bColumn] = form === 'nt' ? [1, ldb] : [ldb, 1]
  for (let i = 0; i < M; i++) {
    for (let j = 0; j < N; j++) {
      const to = c / 4 + i * ldc + j
      let acc = accumulate ? x[to]! : 0
      let from = a / 4 + i * aRow
      let other = b / 4 + j * bColumn
      for (let k = 0; k < K; k++, from += aColumn, other += bRow) {
        acc = f(acc + f(x[from]! * x[other]!))
      }
      x[to] = acc
    }
  }
}
