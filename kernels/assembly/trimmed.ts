/**
 * The trimmed mean. A column's values are sorted as unsigned integers: the upper half of each is
 * the float32's bits, made to grow with the value, and the lower half its row, so that no two are
 * equal and every sort gives the same order.
 */

/** Insertion of up to so many is faster than the four passes over bytes. */
const INSERTION_MAX = 96
const DIGITS = 256

export function trimmedMean(
  y: usize, x: usize, clips: usize, weights: usize, parts: usize,
  K: i32, n: i32, trim: f64, work: usize,
): void {
  let total: f64 = 0
  for (let k = 0; k < K; k++) total += load<f64>(weights + (<usize>k << 3))
  const counts = work + (<usize>K << 4)
  for (let j = 0; j < n; j++) {
    column(work, x + (<usize>j << 2), clips, K, n)
    if (K <= INSERTION_MAX) insertionSort(work, K)
    else radixSort(work, work + (<usize>K << 3), counts, K)
    store<f32>(y + (<usize>j << 2), meanOfMiddle(work, weights, parts, K, trim, total - trim))
  }
}

function column(keys: usize, x: usize, clips: usize, K: i32, n: i32): void {
  for (let k = 0; k < K; k++) {
    // Zero added makes -0 a 0.
    const clipped = <f32>(<f64>load<f32>(x) * load<f64>(clips + (<usize>k << 3))) + <f32>0
    const bits = reinterpret<i32>(clipped)
    const key = <u32>(bits ^ ((bits >> 31) | i32.MIN_VALUE))
    store<u64>(keys + (<usize>k << 3), (<u64>key << 32) | <u64>k)
    x += <usize>n << 2
  }
}

function insertionSort(keys: usize, K: i32): void {
  const end = keys + (<usize>K << 3)
  for (let at = keys + 8; at < end; at += 8) {
    const key = load<u64>(at)
    let to = at
    while (to > keys && load<u64>(to - 8) > key) {
      store<u64>(to, load<u64>(to - 8))
      to -= 8
    }
    store<u64>(to, key)
  }
}

/** The four bytes of the upper half, lowest first; the rows in the lower half are in order. */
function radixSort(keys: usize, other: usize, counts: usize, K: i32): void {
  memory.fill(counts, 0, 4 * 4 * DIGITS)
  for (let k = 0; k < K; k++) {
    const key = <u32>(load<u64>(keys + (<usize>k << 3)) >> 32)
    for (let byte = 0; byte < 4; byte++) {
      const at = counts + (((<usize>byte << 8) + <usize>((key >> (byte << 3)) & 255)) << 2)
      store<u32>(at, load<u32>(at) + 1)
    }
  }
  for (let byte = 0; byte < 4; byte++) {
    const places = counts + (<usize>byte << 10)
    let place: u32 = 0
    for (let digit: usize = 0; digit < <usize>DIGITS; digit++) {
      const count = load<u32>(places + (digit << 2))
      store<u32>(places + (digit << 2), place)
      place += count
    }
    const shift = <u64>(32 + (byte << 3))
    for (let k = 0; k < K; k++) {
      const key = load<u64>(keys + (<usize>k << 3))
      const at = places + (<usize>((key >> shift) & 255) << 2)
      const to = load<u32>(at)
      store<u32>(at, to + 1)
      store<u64>(other + (<usize>to << 3), key)
    }
    const swapped = keys
    keys = other
    other = swapped
  }
}

/** What lies between the weights `from` and `to` of all, in the order of the keys. */
function meanOfMiddle(
  keys: usize, weights: usize, parts: usize, K: i32, from: f64, to: f64,
): f32 {
  let passed: f64 = 0
  let sum: f64 = 0
  let kept: f64 = 0
  for (let k = 0; k < K; k++) {
    const key = load<u64>(keys + (<usize>k << 3))
    const row = <usize>(key & 0xffffffff) << 3
    const next = passed + load<f64>(weights + row)
    const part = min(next, to) - max(passed, from)
    passed = next
    if (!(part > 0)) continue
    kept += part
    sum += part * load<f64>(parts + row) * <f64>valueOf(<u32>(key >> 32))
  }
  return <f32>(sum / kept)
}

// @ts-ignore: decorator
@inline
function valueOf(key: u32): f32 {
  const isPositive = (key & 0x80000000) != 0
  return reinterpret<f32>(isPositive ? key ^ 0x80000000 : ~key)
}
