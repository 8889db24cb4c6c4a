/** Causal softmax and cross-entropy, lane by lane as in kernels/reference/rows.ts. */
import { loadUpTo4, storeUpTo4 } from './lanes'
import { logDouble } from './math'
import { expSum, rowMax, sumProducts } from './sums'

export function causalSoftmax(
  p: usize, rows: i32, columns: i32, ld: i32, first: i32, scale: f32,
): void {
  for (let row = 0; row < rows; row++) {
    const n = min(first + row + 1, columns)
    const sum = expSum(p, n, rowMax(p, n), scale, true)
    multiply(p, <f32>1 / sum, n)
    memory.fill(p + (<usize>n << 2), 0, <usize>(columns - n) << 2)
    p += <usize>ld << 2
  }
}

export function causalSoftmaxBackward(
  dp: usize, p: usize, rows: i32, columns: i32, ld: i32, first: i32, scale: f32,
): void {
  const factor = f32x4.splat(scale)
  for (let row = 0; row < rows; row++) {
    const n = min(first + row + 1, columns)
    const dot = f32x4.splat(sumProducts(dp, p, n))
    for (let i = 0; i < n; i += 4) {
      const o = <usize>i << 2
      const d = f32x4.sub(loadUpTo4(dp + o, n - i), dot)
      storeUpTo4(dp + o, f32x4.mul(f32x4.mul(loadUpTo4(p + o, n - i), d), factor), n - i)
    }
    memory.fill(dp + (<usize>n << 2), 0, <usize>(columns - n) << 2)
    p += <usize>ld << 2
    dp += <usize>ld << 2
  }
}

export function crossEntropy(
  logits: usize, targets: usize, T: i32, V: i32, gradientScale: f32,
): f64 {
  const row = <usize>V << 2
  const write = gradientScale != 0
  let loss: f64 = 0
  for (let t = 0; t < T; t++) {
    const target = load<i32>(targets + (<usize>t << 2))
    if (target >= 0) {
      loss += crossEntropyRow(logits, target, V, gradientScale, write)
    } else if (write) memory.fill(logits, 0, row)
    logits += row
  }
  return loss
}

function crossEntropyRow(x: usize, target: i32, V: i32, gradientScale: f32, write: bool): f64 {
  const cell = x + (<usize>target << 2)
  const max = rowMax(x, V)
  const wanted = <f64>load<f32>(cell) - <f64>max
  const sum = expSum(x, V, max, 1, write)
  if (write) {
    multiply(x, gradientScale / sum, V)
    store<f32>(cell, load<f32>(cell) - gradientScale)
  }
  return logDouble(<f64>sum) - wanted
}

/** Two vectors a turn, stored side by side, which is what V8 can pair; see revectorise.ts. */
function multiply(x: usize, factor: f32, n: i32): void {
  const k = f32x4.splat(factor)
  let i = 0
  for (; i + 8 <= n; i += 8) {
    const a = f32x4.mul(v128.load(x), k)
    const b = f32x4.mul(v128.load(x, 16), k)
    v128.store(x, a)
    v128.store(x, b, 16)
    x += 32
  }
  for (; i < n; i += 4) {
    storeUpTo4(x, f32x4.mul(loadUpTo4(x, n - i), k), n - i)
    x += 16
  }
}
