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

/** Two vectors a turn, stored side by side, which is what V8 can pair; see revectorise.ts. */
function forwardRow(y: usize, gate: usize, up: usize, n: i32): void {
  let i = 0
  for (; i + 8 <= n; i += 8) {
    const a = forwardLanes(v128.load(gate), v128.load(up))
    const b = forwardLanes(v128.load(gate, 16), v128.load(up, 16))
    v128.store(y, a)
    v128.store(y, b, 16)
    y += 32
    gate += 32
    up += 32
  }
  for (; i < n; i += 4) {
    storeUpTo4(y, forwardLanes(loadUpTo4(gate, n - i), loadUpTo4(up, n - i)), n - i)
    y += 16
    gate += 16
    up += 16
  }
}

// @ts-ignore: decorator
@inline
function forwardLanes(a: v128, b: v128): v128 {
  const one = f32x4.splat(1)
  return f32x4.mul(f32x4.div(a, f32x4.add(one, expLanes(f32x4.neg(a)))), b)
}

function backwardRow(
  dgate: usize, dup: usize, dy: usize, gate: usize, up: usize, n: i32,
): void {
  let i = 0
  for (; i + 8 <= n; i += 8) {
    const g0 = v128.load(gate)
    const g1 = v128.load(gate, 16)
    const s0 = sigmoid(g0)
    const s1 = sigmoid(g1)
    const d0 = v128.load(dy)
    const d1 = v128.load(dy, 16)
    const up0 = f32x4.mul(f32x4.mul(d0, v128.load(up)), slope(g0, s0))
    const up1 = f32x4.mul(f32x4.mul(d1, v128.load(up, 16)), slope(g1, s1))
    v128.store(dup, f32x4.mul(d0, f32x4.mul(g0, s0)))
    v128.store(dup, f32x4.mul(d1, f32x4.mul(g1, s1)), 16)
    v128.store(dgate, up0)
    v128.store(dgate, up1, 16)
    dgate += 32
    dup += 32
    dy += 32
    gate += 32
    up += 32
  }
  for (; i < n; i += 4) {
    const g = loadUpTo4(gate, n - i)
    const d = loadUpTo4(dy, n - i)
    const s = sigmoid(g)
    const value = f32x4.mul(f32x4.mul(d, loadUpTo4(up, n - i)), slope(g, s))
    storeUpTo4(dup, f32x4.mul(d, f32x4.mul(g, s)), n - i)
    storeUpTo4(dgate, value, n - i)
    dgate += 16
    dup += 16
    dy += 16
    gate += 16
    up += 16
  }
}

// @ts-ignore: decorator
@inline
function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1)
  return f32x4.div(one, f32x4.add(one, expLanes(f32x4.neg(x))))
}

/** The slope of silu at x, whose sigmoid is s. */
// @ts-ignore: decorator
@inline
function slope(x: v128, s: v128): v128 {
  const one = f32x4.splat(1)
  return f32x4.mul(s, f32x4.add(one, f32x4.mul(x, f32x4.sub(one, s))))
}
