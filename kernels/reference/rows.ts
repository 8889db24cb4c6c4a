/**
 * The row kernels of a decoder: RMSNorm, rotary positions, causal softmax, SwiGLU and
 * cross-entropy, each forward beside its backward. Source: Zhang & Sennrich 2019 (RMSNorm), Su et
 * al. 2021 (RoPE, in the halves layout of the LLaMA checkpoints on the Hugging Face hub), Shazeer
 * 2020 (SwiGLU).
 */
import type { Pointer } from '../ops.ts'
import { logDouble } from '../portable-math.ts'
import { expFloat, rowMax, rowSum } from './math.ts'
import { copy } from './vectors.ts'

type Memory = WebAssembly.Memory
const f = Math.fround

export function rmsNormForward(
  memory: Memory,
  y: Pointer,
  rstd: Pointer,
  x: Pointer,
  w: Pointer,
  T: number,
  D: number,
  eps: number,
): void {
  const weight = new Float32Array(memory.buffer, w, D)
  for (let t = 0; t < T; t++) {
    const from = new Float32Array(memory.buffer, x + 4 * t * D, D)
    const to = new Float32Array(memory.buffer, y + 4 * t * D, D)
    const mean = f(rowSum(D, (i) => f(from[i]! * from[i]!)) / D)
    const r = f(1 / f(Math.sqrt(f(mean + f(eps)))))
    new Float32Array(memory.buffer, rstd, T)[t] = r
    for (let i = 0; i < D; i++) to[i] = f(from[i]! * r) * weight[i]!
  }
}

/** dx += r·g - x·(r³·Σ g·x / D) with g = dy·w. */
export function rmsNormBackward(
  memory: Memory,
  dx: Pointer,
  dy: Pointer,
  x: Pointer,
  w: Pointer,
  rstd: Pointer,
  T: number,
  D: number,
): void {
  const weight = new Float32Array(memory.buffer, w, D)
  for (let t = 0; t < T; t++) {
    const to = new Float32Array(memory.buffer, dx + 4 * t * D, D)
    const from = new Float32Array(memory.buffer, dy + 4 * t * D, D)
    const input = new Float32Array(memory.buffer, x + 4 * t * D, D)
    const r = new Float32Array(memory.buffer, rstd, T)[t]!
    const g = from.map((d, i) => d * weight[i]!)
    const dot = rowSum(D, (i) => f(g[i]! * input[i]!))
    const k = f(f(f(f(dot * r) * r) * r) / D)
    for (let i = 0; i < D; i++) to[i] = to[i]! + f(f(g[i]! * r) - f(input[i]! * k))
  }
}

export function rope(
  memory: Memory,
  x: Pointer,
  ld: number,
  cos: Pointer,
  sin: Pointer,
  T: number,
  S: number,
  heads: number,
  E: number,
  direction: 1 | -1,
): void {
  const half = E / 2
  const cosines = new Float32Array(memory.buffer, cos, S * half)
  const sines = new Float32Array(memory.buffer, sin, S * half)
  for (let row = 0; row < T * heads; row++) {
    const t = Math.floor(row / heads)
    const head = new Float32Array(memory.buffer, x + 4 * (t * ld + (row % heads) * E), E)
    const position = t % S
    for (let i = 0; i < half; i++) {
      const a = head[i]!
      const b = head[half + i]!
      const c = cosines[position * half + i]!
      const s = direction * sines[position * half + i]!
      head[i] = f(a * c) - f(b * s)
      head[half + i] = f(b * c) + f(a * s)
    }
  }
}

export function causalSoftmax(
  memory: Memory,
  p: Pointer,
  rows: number,
  columns: number,
  ld: number,
  first: number,
  scale: number,
): void {
  for (let row = 0; row < rows; row++) {
    const x = new Float32Array(memory.buffer, p + 4 * row * ld, columns)
    const n = Math.min(first + row + 1, columns)
    const max = rowMax(x, 0, n)
    for (let i = 0; i < n; i++) x[i] = expFloat(f(f(x[i]! - max) * f(scale)))
    const k = f(1 / rowSum(n, (i) => x[i]!))
    for (let i = 0; i < n; i++) x[i] = x[i]! * k
    x.fill(0, n)
  }
}

export function causalSoftmaxBackward(
  memory: Memory,
  dp: Pointer,
  p: Pointer,
  rows: number,
  columns: number,
  ld: number,
  first: number,
  scale: number,
): void {
  for (let row = 0; row < rows; row++) {
    const d = new Float32Array(memory.buffer, dp + 4 * row * ld, columns)
    const x = new Float32Array(memory.buffer, p + 4 * row * ld, columns)
    const n = Math.min(first + row + 1, columns)
    const dot = rowSum(n, (i) => f(d[i]! * x[i]!))
    for (let i = 0; i < n; i++) d[i] = f(x[i]! * f(d[i]! - dot)) * f(scale)
    d.fill(0, n)
  }
}

export function swigluForward(
  memory: Memory,
  y: Pointer,
  gate: Pointer,
  up: Pointer,
  T: number,
  F: number,
  ld: number,
): void {
  for (let t = 0; t < T; t++) {
    const to = new Float32Array(memory.buffer, y + 4 * t * F, F)
    const a = new Float32Array(memory.buffer, gate + 4 * t * ld, F)
    const b = new Float32Array(memory.buffer, up + 4 * t * ld, F)
    for (let i = 0; i < F; i++) to[i] = f(a[i]! / f(1 + expFloat(-a[i]!))) * b[i]!
  }
}

/** silu'(a) = s·(1 + a·(1 - s)) with s the logistic function of a. */
export function swigluBackward(
  memory: Memory,
  dgate: Pointer,
  dup: Pointer,
  dy: Pointer,
  gate: Pointer,
  up: Pointer,
  T: number,
  F: number,
  ld: number,
): void {
  for (let t = 0; t < T; t++) {
    const toGate = new Float32Array(memory.buffer, dgate + 4 * t * ld, F)
    const toUp = new Float32Array(memory.buffer, dup + 4 * t * ld, F)
    const from = new Float32Array(memory.buffer, dy + 4 * t * F, F)
    const a = new Float32Array(memory.buffer, gate + 4 * t * ld, F)
    const b = new Float32Array(memory.buffer, up + 4 * t * ld, F)
    for (let i = 0; i < F; i++) {
      const s = f(1 / f(1 + expFloat(-a[i]!)))
      const slope = f(s * f(1 + f(a[i]! * f(1 - s))))
      toUp[i] = from[i]! * f(a[i]! * s)
      toGate[i] = f(from[i]! * b[i]!) * slope
    }
  }
}

export function crossEntropy(
  memory: Memory,
  logits: Pointer,
  targets: Pointer,
  T: number,
  V: number,
  gradientScale: number,
): number {
  const wanted = new Int32Array(memory.buffer, targets, T)
  const g = f(gradientScale)
  let loss = 0
  for (let t = 0; t < T; t++) {
    const x = new Float32Array(memory.buffer, logits + 4 * t * V, V)
    const target = wanted[t]!
    if (target < 0) {
      if (g !== 0) x.fill(0)
      continue
    }
    const max = rowMax(x, 0, V)
    const e = x.map((logit) => expFloat(f(logit - max)))
    const sum = rowSum(V, (i) => e[i]!)
    loss += logDouble(sum) - (x[target]! - max)
    if (g === 0) continue
    const k = f(g / sum)
    for (let i = 0; i < V; i++) x[i] = e[i]! * k
    x[target] = x[target]! - g
  }
  return loss
}

export function gatherRows(
  memory: Memory,
  y: Pointer,
  table: Pointer,
  ids: Pointer,
  T: number,
  D: number,
): void {
  const rows = new Int32Array(memory.buffer, ids, T)
  for (let t = 0; t < T; t++) copy(memory, y + 4 * t * D, table + 4 * rows[t]! * D, D)
}
