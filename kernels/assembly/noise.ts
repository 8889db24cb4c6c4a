/** Dropout and noise by counters; see kernels/reference/noise.ts. */

/** The words of the last block; each thread has an instance, so they are its own. */
let w0: u32 = 0
let w1: u32 = 0
let w2: u32 = 0
let w3: u32 = 0

/** Philox-4x32-10; see kernels/philox.ts. */
function draw(k0: u32, k1: u32, c0: u32, c1: u32, c2: u32, c3: u32): void {
  for (let round = 0; round < 10; round++) {
    const a = <u64>c0 * 0xd2511f53
    const b = <u64>c2 * 0xcd9e8d57
    c0 = <u32>(b >> 32) ^ c1 ^ k0
    c1 = <u32>b
    c2 = <u32>(a >> 32) ^ c3 ^ k1
    c3 = <u32>a
    k0 += 0x9e3779b9
    k1 += 0xbb67ae85
  }
  w0 = c0
  w1 = c1
  w2 = c2
  w3 = c3
}

// @ts-ignore: decorator
@inline
function wordAt(i: i32): u32 {
  return i < 2 ? (i == 0 ? w0 : w1) : i == 2 ? w2 : w3
}

export function dropout(
  y: usize, x: usize, T: i32, I: i32, ldy: i32, ldx: i32, row: i32, column: i32,
  threshold: u32, factor: f32, seed: u32, stream: u32, batch: u32,
): void {
  for (let t = 0; t < T; t++) {
    const to = y + (<usize>(t * ldy) << 2)
    const from = x + (<usize>(t * ldx) << 2)
    for (let i = 0; i < I; i += 8) {
      draw(seed, 1, <u32>(column + i) >> 3, row + t, stream, batch)
      const end = min(8, I - i)
      for (let j = 0; j < end; j++) {
        const half = (wordAt(j >> 1) >> (<u32>(j & 1) << 4)) & 0xffff
        const o = <usize>(i + j) << 2
        store<f32>(to + o, half < threshold ? 0 : load<f32>(from + o) * factor)
      }
    }
  }
}

export function addNoise(
  y: usize, T: i32, D: i32, row: i32, magnitude: f32, seed: u32, batch: u32,
): void {
  for (let t = 0; t < T; t++) {
    const to = y + (<usize>(t * D) << 2)
    for (let d = 0; d < D; d += 4) {
      draw(seed, 2, <u32>d >> 2, row + t, 0, batch)
      const end = min(4, D - d)
      for (let j = 0; j < end; j++) {
        const odd = <i32>(2 * (wordAt(j) >> 8) + 1) - 0x1000000
        const o = to + (<usize>(d + j) << 2)
        store<f32>(o, load<f32>(o) + (<f32>odd * <f32>5.9604644775390625e-8) * magnitude)
      }
    }
  }
}
