/** Columns of a matrix, each with a factor of its own. */
import type { Pointer } from '../ops.ts'

type Memory = WebAssembly.Memory
const f = Math.fround

export function scaleColumns(
  memory: Memory,
  y: Pointer,
  x: Pointer,
  c: Pointer,
  T: number,
  O: number,
  ld: number,
): void {
  const factors = new Float32Array(memory.buffer, c, O)
  for (let t = 0; t < T; t++) {
    const to = new Float32Array(memory.buffer, y + 4 * t * ld, O)
    const from = new Float32Array(memory.buffer, x + 4 * t * ld, O)
    for (let i = 0; i < O; i++) to[i] = from[i]! * factors[i]!
  }
}

export function addColumnProducts(
  memory: Memory,
  sums: Pointer,
  x: Pointer,
  y: Pointer,
  c: Pointer,
  T: number,
  O: number,
  ld: number,
): void {
  const to = new Float32Array(memory.buffer, sums, O)
  const factors = new Float32Array(memory.buffer, c, O)
  for (let t = 0; t < T; t++) {
    const a = new Float32Array(memory.buffer, x + 4 * t * ld, O)
    const b = new Float32Array(memory.buffer, y + 4 * t * ld, O)
    for (let i = 0; i < O; i++) to[i] = to[i]! + f(a[i]! * f(b[i]! * factors[i]!))
  }
}
