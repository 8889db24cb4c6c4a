/**
 * Random numbers that are the same everywhere: SplitMix32, integer arithmetic only. The state is a
 * value, so that a state machine can carry its own randomness and replay it. Source: Steele, Lea,
 * Flood 2014, Fast Splittable Pseudorandom Number Generators, §5, in its 32-bit form with the
 * finaliser of MurmurHash3.
 */

export interface Prng {
  /** uint32 */
  state: number
}

export function prng(seed: number): Prng {
  return { state: seed >>> 0 }
}

/** Next uint32; advances the state. */
export function nextUint32(random: Prng): number {
  random.state = (random.state + 0x9e3779b9) >>> 0
  let z = random.state
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
  return (z ^ (z >>> 16)) >>> 0
}

/** Next double in [0, 1) with 32 random bits. */
export function nextFraction(random: Prng): number {
  return nextUint32(random) / 2 ** 32
}

/** Next integer in [0, bound), bound ≤ 2^32, without bias (rejection). */
export function nextBelow(random: Prng, bound: number): number {
  const limit = 2 ** 32 - (2 ** 32 % bound)
  for (;;) {
    const value = nextUint32(random)
    if (value < limit) return value % bound
  }
}

/** Shuffles in place. Source: Durstenfeld 1964, Algorithm 235. */
export function shuffle<T>(random: Prng, items: T[]): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = nextBelow(random, last + 1)
    const swapped = items[last] as T
    items[last] = items[other] as T
    items[other] = swapped
  }
  return items
}
