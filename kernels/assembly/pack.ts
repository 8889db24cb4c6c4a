/**
 * Packing: `count` rows of A (or columns of B) side by side as a panel, `width` numbers for each
 * step along the summed axis, missing ones as zeros. The numbers lie together in memory either
 * along the summed axis, and are turned four by four, or across it, and are copied.
 */
export function pack(
  width: i32, count: i32, kc: i32, from: usize, across: usize, along: usize, to: usize,
): void {
  if (count < width) memory.fill(to, 0, <usize>(kc * width) << 2)
  if (along == 4) packRows(width, count, kc, from, across, to)
  else packColumns(width, count, kc, from, along, to)
}

/** Rows of `from` become columns of the panel: to[k·width + p] = from[p][k]. */
function packRows(
  width: i32, count: i32, kc: i32, from: usize, leading: usize, to: usize,
): void {
  const step = <usize>width << 2
  let p = 0
  for (; p + 4 <= count; p += 4) {
    packFourRows(kc, from + <usize>p * leading, leading, to + (<usize>p << 2), step)
  }
  for (; p < count; p++) {
    let row = from + <usize>p * leading
    let cell = to + (<usize>p << 2)
    for (let k = 0; k < kc; k++) {
      store<f32>(cell, load<f32>(row))
      row += 4
      cell += step
    }
  }
}

function packFourRows(kc: i32, r0: usize, leading: usize, to: usize, step: usize): void {
  const r1 = r0 + leading
  const r2 = r1 + leading
  const r3 = r2 + leading
  let o: usize = 0
  let k = 0
  for (; k + 4 <= kc; k += 4) {
    const x0 = v128.load(r0 + o)
    const x1 = v128.load(r1 + o)
    const x2 = v128.load(r2 + o)
    const x3 = v128.load(r3 + o)
    storeTurned(x0, x1, x2, x3, to, step)
    to += 4 * step
    o += 16
  }
  for (; k < kc; k++) {
    store<f32>(to, load<f32>(r0 + o))
    store<f32>(to, load<f32>(r1 + o), 4)
    store<f32>(to, load<f32>(r2 + o), 8)
    store<f32>(to, load<f32>(r3 + o), 12)
    to += step
    o += 4
  }
}

/** Four by four 32-bit numbers: x0..x3 as columns, `step` from one row to the next. */
// @ts-ignore: decorator
@inline
export function storeTurned(
  x0: v128, x1: v128, x2: v128, x3: v128, to: usize, step: usize,
): void {
  const low01 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5)
  const low23 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5)
  const high01 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7)
  const high23 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7)
  v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2))
  v128.store(to + step, v128.shuffle<i64>(low01, low23, 1, 3))
  v128.store(to + 2 * step, v128.shuffle<i64>(high01, high23, 0, 2))
  v128.store(to + 3 * step, v128.shuffle<i64>(high01, high23, 1, 3))
}

/** Columns stay columns: to[k·width + p] = from[k][p]. */
function packColumns(
  width: i32, count: i32, kc: i32, from: usize, leading: usize, to: usize,
): void {
  const step = <usize>width << 2
  for (let k = 0; k < kc; k++) {
    let p = 0
    for (; p + 4 <= count; p += 4) {
      const o = <usize>p << 2
      v128.store(to + o, v128.load(from + o))
    }
    for (; p < count; p++) {
      const o = <usize>p << 2
      store<f32>(to + o, load<f32>(from + o))
    }
    from += leading
    to += step
  }
}
