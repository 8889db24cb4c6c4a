/** What is random in training, drawn by counters. */
import type { AddNoise, Dropout } from '../ops.ts'
import { philox } from '../philox.ts'

const f = Math.fround

export function dropout(memory: WebAssembly.Memory, of: Dropout): void {
  const { T, I, ldx, ldy, row, column, threshold, seed, stream, batch } = of
  const x = new Float32Array(memory.buffer, of.x)
  const y = new Float32Array(memory.buffer, of.y)
  const factor = f(65_536 / (65_536 - threshold))
  for (let t = 0; t < T; t++) {
    for (let i = 0; i < I; i++) {
      const block = (column + i) >>> 3
      const words = philox([seed, 1], [block, row + t, stream, batch])
      const word = words[(i & 7) >> 1]!
      const half = i & 1 ? word >>> 16 : word & 0xffff
      y[t * ldy + i] = half < threshold ? 0 : x[t * ldx + i]! * factor
    }
  }
}

export function addNoise(memory: WebAssembly.Memory, of: AddNoise): void {
  const { T, D, row, magnitude, seed, batch } = of
  const y = new Float32Array(memory.buffer, of.y, T * D)
  for (let t = 0; t < T; t++) {
    for (let d = 0; d < D; d++) {
      const words = philox([seed, 2], [d >>> 2, row + t, 0, batch])
      const unit = (2 * (words[d & 3]! >>> 8) + 1 - 2 ** 24) / 2 ** 24
      y[t * D + d]! += f(unit * f(magnitude))
    }
  }
}
