/** Element-wise operations on whole vectors and their sums. */
import type { Pointer } from '../ops.ts'

type Memory = WebAssembly.Memory
const f = Math.fround

export function fill(memory: Memory, y: Pointer, value: number, n: number): void {
  new Float32Array(memory.buffer, y, n).fill(value)
}

export function copy(memory: Memory, y: Pointer, x: Pointer, n: number): void {
  new Float32Array(memory.buffer, y, n).set(new Float32Array(memory.buffer, x, n))
}

export function add(memory: Memory, y: Pointer, x: Pointer, n: number): void {
  const to = new Float32Array(memory.buffer, y, n)
  const from = new Float32Array(memory.buffer, x, n)
  for (let i = 0; i < n; i++) to[i] = to[i]! + from[i]!
}

export function scale(memory: Memory, y: Pointer, factor: number, n: number): void {
  const to = new Float32Array(memory.buffer, y, n)
  for (let i = 0; i < n; i++) to[i] = to[i]! * f(factor)
}

export function subtract(memory: Memory, y: Pointer, a: Pointer, b: Pointer, n: number): void {
  const to = new Float32Array(memory.buffer, y, n)
  const from = new Float32Array(memory.buffer, a, n)
  const less = new Float32Array(memory.buffer, b, n)
  for (let i = 0; i < n; i++) to[i] = from[i]! - less[i]!
}

export function sumSquares(memory: Memory, x: Pointer, n: number): number {
  const from = new Float32Array(memory.buffer, x, n)
  const s = new Float64Array(4)
  for (let i = 0; i < n; i++) s[i & 3] = s[i & 3]! + from[i]! * from[i]!
  return s[0]! + s[1]! + (s[2]! + s[3]!)
}

export function largestMagnitude(memory: Memory, x: Pointer, n: number): number {
  return new Float32Array(memory.buffer, x, n).reduce((max, v) => Math.max(max, Math.abs(v)), 0)
}

export function allFinite(memory: Memory, x: Pointer, n: number): boolean {
  return new Float32Array(memory.buffer, x, n).every((value) => Number.isFinite(value))
}
