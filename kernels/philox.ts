/**
 * Philox-4x32-10: random numbers as a function of (key, counter), with nothing but 32-bit integers,
 * so that every engine draws the same bits and any one of them can be drawn without the ones
 * before.
 *
 * Source: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3, §3.3 and table 2.
 */

const ROUNDS = 10
const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const
/** The golden ratio and sqrt(3) - 1: what the key grows by each round. */
const WEYL = [0x9e3779b9, 0xbb67ae85] as const

export type Words4 = readonly [number, number, number, number]

/** Four random words of a 64-bit key and a 128-bit counter; all words are unsigned 32-bit. */
export function philox(key: readonly [number, number], counter: Words4): Words4 {
  let [k0, k1] = key
  let [x0, x1, x2, x3] = counter
  for (let round = 0; round < ROUNDS; round++) {
    const low0 = Math.imul(MULTIPLIERS[0], x0) >>> 0
    const low1 = Math.imul(MULTIPLIERS[1], x2) >>> 0
    const high0 = multiplyHigh(MULTIPLIERS[0], x0)
    const high1 = multiplyHigh(MULTIPLIERS[1], x2)
    x0 = (high1 ^ x1 ^ k0) >>> 0
    x1 = low1
    x2 = (high0 ^ x3 ^ k1) >>> 0
    x3 = low0
    k0 = (k0 + WEYL[0]) >>> 0
    k1 = (k1 + WEYL[1]) >>> 0
  }
  return [x0, x1, x2, x3]
}

/** The upper 32 bits of a · b, by 16-bit halves: each sum below stays under 2^53. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const carry = aLow * bHigh + (middle & 0xffff)
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0
}
