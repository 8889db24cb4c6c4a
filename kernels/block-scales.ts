/**
 * The scales of a block of numbers: those of the least squared error that a search finds.
 *
 * Codes given a scale are roundings, and the scale given codes is a least-squares fit, so each is
 * made from the other in turn, which never makes the error larger (Lloyd 1982, Least Squares
 * Quantization in PCM, §IV). Where that ends depends on where it begins, so it begins at several
 * steps: the one that just reaches the outermost number, and others, most of which clip it (Banner
 * et al. 2019, Post training 4-bit quantization of convolutional networks, §3).
 *
 * Sums are float64, of products, quotients and floors alone: the same numbers on every machine.
 */

/**
 * The first steps of a search let the numbers reach over so many more codes than there are, and are
 * clipped by that; below 0 a code stays free.
 */
const MORE_CODES = [0, -1, 1, 2]
/** So often are codes and scales made from each other after each of them. */
const TURNS = 2

/** x ≈ scale · code + least. */
export interface Line {
  scale: number
  least: number
}

/** The scale, of either sign, of codes from -middle to middle - 1: x ≈ scale · code. */
export function findScale(x: Float32Array, from: number, count: number, middle: number): number {
  const extreme = outermost(x, from, count)
  let best = 0
  let most = 0
  if (extreme === 0) return best
  for (const more of MORE_CODES) {
    let scale = -extreme / (middle + more / 2)
    for (let turn = 0; turn < TURNS; turn++) {
      sumCodes(x, from, count, scale, 0, -middle, middle - 1)
      if (sums.cc === 0) break
      scale = sums.xc / sums.cc
      // What the error is less than Σ x².
      const less = scale * sums.xc
      if (less <= most) continue
      most = less
      best = scale
    }
  }
  return best
}

/** The first of the numbers that are farthest from 0. */
function outermost(x: Float32Array, from: number, count: number): number {
  let extreme = 0
  for (let i = from; i < from + count; i++) {
    if (Math.abs(x[i]!) > Math.abs(extreme)) extreme = x[i]!
  }
  return extreme
}

/** The line of codes from 0 to `high`; its least value is at most `leastMax`, 0 or infinite. */
export function findLine(
  line: Line,
  x: Float32Array,
  from: number,
  count: number,
  high: number,
  leastMax: number,
): void {
  let min = leastMax
  let max = Number.NEGATIVE_INFINITY
  let sum = 0
  for (let i = from; i < from + count; i++) {
    min = Math.min(min, x[i]!)
    max = Math.max(max, x[i]!)
    sum += x[i]!
  }
  line.scale = 0
  line.least = min
  // Numbers that are all one are their least value.
  if (max === min) return
  let most = Number.NEGATIVE_INFINITY
  for (const more of MORE_CODES) {
    let scale = (max - min) / (high + more)
    let least = more < 0 ? min : (min + max - scale * high) / 2
    for (let turn = 0; turn < TURNS; turn++) {
      sumCodes(x, from, count, scale, least, 0, high)
      const { c, cc, xc } = sums
      const spread = count * cc - c * c
      scale = (count * xc - c * sum) / spread
      least = (sum - scale * c) / count
      // Numbers that are all one have one code, and nothing is spread.
      if (spread === 0 || least > leastMax) {
        least = leastMax
        scale = xc / cc
      }
      // What the error is less than Σ x².
      const less = scale * xc + least * sum
      if (less <= most) continue
      most = less
      line.scale = scale
      line.least = least
    }
  }
}

/** Σ code, Σ code², Σ x · code. */
const sums = { c: 0, cc: 0, xc: 0 }

/** Sums over the codes that the numbers have. */
function sumCodes(
  x: Float32Array,
  from: number,
  count: number,
  scale: number,
  least: number,
  low: number,
  high: number,
): void {
  let c = 0
  let cc = 0
  let xc = 0
  for (let i = from; i < from + count; i++) {
    const code = clamped(Math.floor((x[i]! - least) / scale + 0.5), low, high)
    c += code
    cc += code * code
    xc += x[i]! * code
  }
  sums.c = c
  sums.cc = cc
  sums.xc = xc
}

/** Codes of the least error, from 0 to `high`; returns Σ (x - scale · code - least)². */
export function encodeLine(
  codes: Uint8Array,
  to: number,
  x: Float32Array,
  from: number,
  count: number,
  scale: number,
  least: number,
  high: number,
): number {
  let squares = 0
  for (let i = 0; i < count; i++) {
    const above = x[from + i]! - least
    const code = scale === 0 ? 0 : clamped(Math.floor(above / scale + 0.5), 0, high)
    codes[to + i] = code
    const error = above - scale * code
    squares += error * error
  }
  return squares
}

export function clamped(code: number, low: number, high: number): number {
  return Math.min(Math.max(code, low), high)
}
