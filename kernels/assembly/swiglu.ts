/** SwiGLU, lane by lane as in kernels/reference/rows.ts. */
import { loadUpTo4, storeUpTo4 } from './lanes'
import { expLanes } from './math'

export function swigluForward(y: usize, gate: usize, up: usize, T: i32, F: i32, ld: i32): void {
  for (let t = 0; t < T; t++) {
    forwardRow(y, gate, up, F)
    y += <usize>F << 2
    gate += <usize>ld << 2
    up += <usize>ld << 2
  }
}

export function swigluBackward(
  dgate: usize, dup: usize, dy: usize, gate: usize, up: usize, T: i32, F: i32, ld: i32,
): void {
  for (let t = 0; t < T; t++) {
    backwardRow(dgate, dup, dy, gate, up, F)
    dy += <usize>F << 2
    dgate += <usize>ld << 2
    dup += <usize>ld << 2
    gate += <usize>ld << 2
    up += <usize>ld << 2
  }
}

function forwardRow(y: usize, gate: usize, up: usize, n: i32): void {
  const one = f32x4.splat(1)
  for (let i = 0; i < n; i += 4) {
    const o = <usize>i << 2
    const a = loadUpTo4(gate + o, n - i)
    const silu = f32x4.div(a, f32x4.add(one, expLanes(f32x4.neg(a))))
    storeUpTo4(y + o, f32x4.mul(silu, loadUpTo4(up + o, n - i)), n - i)
  }
}

function backwardRow(
  dgate: usize, dup: usize, dy: usize, gate: usize, up: usize, n: i32,
): void {
  const one = f32x4.splat(1)
  for (let i = 0; i < n; i += 4) {
    const o = <usize>i << 2
    const a = loadUpTo4(gate + o, n - i)
    const d = loadUpTo4(dy + o, n - i)
    const s = f32x4.div(one, f32x4.add(one, expLanes(f32x4.neg(a))))
    const slope = f32x4.mul(s, f32x4.add(one, f32x4.mul(a, f32x4.sub(one, s))))
    storeUpTo4(dup + o, f32x4.mul(d, f32x4.mul(a, s)), n - i)
    storeUpTo4(dgate + o, f32x4.mul(f32x4.mul(d, loadUpTo4(up + o, n - i)), slope), n - i)
  }
}
