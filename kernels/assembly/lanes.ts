/**
 * Loads and stores of up to four lanes, so that a row of any length goes through one loop body:
 * missing lanes are padded on the way in and dropped on the way out. Nothing outside the row is
 * touched.
 */

/** The first `count` of four float32, the rest `padding`; count >= 1 and may exceed four. */
// @ts-ignore: decorator
@inline
export function loadUpTo4(from: usize, count: i32, padding: f32 = 0): v128 {
  return count >= 4 ? v128.load(from) : loadPart(from, count, padding)
}

// @ts-ignore: decorator
@inline
export function storeUpTo4(to: usize, x: v128, count: i32): void {
  if (count >= 4) v128.store(to, x)
  else storePart(to, x, count)
}

function loadPart(from: usize, count: i32, padding: f32): v128 {
  let x = v128.load_lane<f32>(from, f32x4.splat(padding), 0)
  if (count > 1) x = v128.load_lane<f32>(from, x, 1, 4)
  if (count > 2) x = v128.load_lane<f32>(from, x, 2, 8)
  return x
}

function storePart(to: usize, x: v128, count: i32): void {
  v128.store_lane<f32>(to, x, 0)
  if (count > 1) v128.store_lane<f32>(to, x, 1, 4)
  if (count > 2) v128.store_lane<f32>(to, x, 2, 8)
}
