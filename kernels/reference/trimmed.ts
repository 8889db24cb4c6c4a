/** The trimmed mean, see kernels/ops.ts: a column at a time, sorted by value and then by row. */
import type { Pointer, TrimmedMean } from '../ops.ts'

export function trimmedMean(
  memory: WebAssembly.Memory,
  { y, x, clips, weights, parts, K, n, trim }: TrimmedMean,
): void {
  const doubles = (at: Pointer) => new Float64Array(memory.buffer, at, K)
  const [clip, weight, part] = [doubles(clips), doubles(weights), doubles(parts)]
  const from = new Float32Array(memory.buffer, x, K * n)
  const to = new Float32Array(memory.buffer, y, n)
  const total = weight.reduce((sum, value) => sum + value, 0)
  for (let j = 0; j < n; j++) {
    const rows = Array.from(clip, (factor, row) => {
      // Zero added makes -0 a 0.
      return { row, value: Math.fround(from[row * n + j]! * factor) + 0 }
    })
    rows.sort((a, b) => a.value - b.value || a.row - b.row)
    let [passed, sum, kept] = [0, 0, 0]
    for (const { row, value } of rows) {
      const next = passed + weight[row]!
      const rest = Math.min(next, total - trim) - Math.max(passed, trim)
      passed = next
      if (!(rest > 0)) continue
      kept += rest
      sum += rest * part[row]! * value
    }
    to[j] = sum / kept
  }
}
