/**
 * Packing of frozen weights: a panel of float32 from rows of any kind, dequantised on the way. In
 * the forward the summed axis runs along W's rows, which are turned four by four; in the backward
 * it runs from row to row, which are copied. Each kind has a loop of its own, as `kind` is known
 * where a loop is inlined.
 */
import { isBlocks } from './blocks'
import { storeTurned } from './pack'
import { packBlocksBackward, packBlocksForward } from './pack-blocks'
import { BFLOAT16, FLOAT16, fourAt, INT8, oneAt, rowBytes, scaleAt, scaleBytes } from './weights'

/** to[k·width + p] = W[o+p][i+k], 0 from p = count on. */
export function packForward(
  kind: i32, width: i32, count: i32, kc: i32,
  values: usize, scales: usize, I: i32, o: i32, i: i32, to: usize, scratch: usize,
): void {
  if (isBlocks(kind)) {
    return packBlocksForward(kind, width, count, kc, values, I, o, i, to, scratch)
  }
  if (count < width) memory.fill(to, 0, <usize>(kc * width) << 2)
  const rows = values + <usize>o * rowBytes(kind, I)
  const rowScales = scales + <usize>o * scaleBytes(kind)
  if (kind == FLOAT16) turnRows(FLOAT16, width, count, kc, rows, rowScales, I, i, to)
  else if (kind == BFLOAT16) turnRows(BFLOAT16, width, count, kc, rows, rowScales, I, i, to)
  else turnRows(INT8, width, count, kc, rows, rowScales, I, i, to)
}

/** to[k·width + p] = W[o+k][i+p], 0 from p = count on. */
export function packBackward(
  kind: i32, width: i32, count: i32, kc: i32,
  values: usize, scales: usize, I: i32, o: i32, i: i32, to: usize, scratch: usize,
): void {
  if (isBlocks(kind)) return packBlocksBackward(kind, width, kc, values, I, o, i, to, scratch)
  if (count < width) memory.fill(to, 0, <usize>(kc * width) << 2)
  const rows = values + <usize>o * rowBytes(kind, I)
  const rowScales = scales + <usize>o * scaleBytes(kind)
  if (kind == FLOAT16) copyRows(FLOAT16, width, count, kc, rows, rowScales, I, i, to)
  else if (kind == BFLOAT16) copyRows(BFLOAT16, width, count, kc, rows, rowScales, I, i, to)
  else copyRows(INT8, width, count, kc, rows, rowScales, I, i, to)
}

// @ts-ignore: decorator
@inline
function turnRows(
  kind: i32, width: i32, count: i32, kc: i32,
  row: usize, scales: usize, I: i32, i: i32, to: usize,
): void {
  const step = <usize>width << 2
  const leading = rowBytes(kind, I)
  const scaleLeading = scaleBytes(kind)
  let p = 0
  for (; p + 4 <= count; p += 4) {
    turnFourRows(kind, kc, row, leading, scales, scaleLeading, i, to + (<usize>p << 2), step)
    row += 4 * leading
    scales += 4 * scaleLeading
  }
  for (; p < count; p++) {
    const scale = scaleAt(kind, scales)
    let cell = to + (<usize>p << 2)
    for (let k = i; k < i + kc; k++) {
      store<f32>(cell, oneAt(kind, row, k, scale))
      cell += step
    }
    row += leading
    scales += scaleLeading
  }
}

// @ts-ignore: decorator
@inline
function turnFourRows(
  kind: i32, kc: i32, r0: usize, leading: usize,
  s0: usize, scaleLeading: usize, i: i32, to: usize, step: usize,
): void {
  const r1 = r0 + leading
  const r2 = r1 + leading
  const r3 = r2 + leading
  const s1 = s0 + scaleLeading
  const s2 = s1 + scaleLeading
  const s3 = s2 + scaleLeading
  const f0 = scaleAt(kind, s0)
  const f1 = scaleAt(kind, s1)
  const f2 = scaleAt(kind, s2)
  const f3 = scaleAt(kind, s3)
  const end = i + kc
  for (; i + 4 <= end; i += 4) {
    storeTurned(
      fourAt(kind, r0, i, f32x4.splat(f0)), fourAt(kind, r1, i, f32x4.splat(f1)),
      fourAt(kind, r2, i, f32x4.splat(f2)), fourAt(kind, r3, i, f32x4.splat(f3)), to, step,
    )
    to += 4 * step
  }
  for (; i < end; i++) {
    store<f32>(to, oneAt(kind, r0, i, f0))
    store<f32>(to, oneAt(kind, r1, i, f1), 4)
    store<f32>(to, oneAt(kind, r2, i, f2), 8)
    store<f32>(to, oneAt(kind, r3, i, f3), 12)
    to += step
  }
}

// @ts-ignore: decorator
@inline
function copyRows(
  kind: i32, width: i32, count: i32, kc: i32,
  row: usize, scales: usize, I: i32, i: i32, to: usize,
): void {
  const leading = rowBytes(kind, I)
  const scaleLeading = scaleBytes(kind)
  for (let k = 0; k < kc; k++) {
    const scale = scaleAt(kind, scales)
    let p = 0
    for (; p + 4 <= count; p += 4) {
      v128.store(to + (<usize>p << 2), fourAt(kind, row, i + p, f32x4.splat(scale)))
    }
    for (; p < count; p++) store<f32>(to + (<usize>p << 2), oneAt(kind, row, i + p, scale))
    row += leading
    scales += scaleLeading
    to += <usize>width << 2
  }
}
