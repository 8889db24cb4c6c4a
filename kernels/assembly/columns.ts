/** Columns of a matrix, each with a factor of its own; see kernels/reference/columns.ts. */
import { loadUpTo4, storeUpTo4 } from './lanes'

export function scaleColumns(y: usize, x: usize, c: usize, T: i32, O: i32, ld: i32): void {
  const row = <usize>ld << 2
  for (let t = 0; t < T; t++) {
    for (let i = 0; i < O; i += 4) {
      const o = <usize>i << 2
      storeUpTo4(y + o, f32x4.mul(loadUpTo4(x + o, O - i), loadUpTo4(c + o, O - i)), O - i)
    }
    y += row
    x += row
  }
}

export function addColumnProducts(
  sums: usize, x: usize, y: usize, c: usize, T: i32, O: i32, ld: i32,
): void {
  const row = <usize>ld << 2
  for (let t = 0; t < T; t++) {
    for (let i = 0; i < O; i += 4) {
      const o = <usize>i << 2
      const n = O - i
      const scaled = f32x4.mul(loadUpTo4(y + o, n), loadUpTo4(c + o, n))
      const product = f32x4.mul(loadUpTo4(x + o, n), scaled)
      storeUpTo4(sums + o, f32x4.add(loadUpTo4(sums + o, n), product), n)
    }
    x += row
    y += row
  }
}
