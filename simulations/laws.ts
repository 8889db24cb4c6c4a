/**
 * Laws of chance that churn is described by: how to draw from each, its mean, and draws in
 * proportion to length, which are what one meets at a random moment.
 *
 * Sources: Box and Muller 1958 (normal); Marsaglia and Tsang 2000, A Simple Method for Generating
 * Gamma Variables (gamma).
 */
import { nextFraction, type Prng, prng } from '../protocol/index.ts'

/** Times in the unit of `scale`, `median` or `mean`. */
export type Law =
  | { law: 'exponential'; mean: number }
  | { law: 'gamma'; shape: number; scale: number }
  | { law: 'weibull'; shape: number; scale: number }
  /** `sd` of the natural logarithm. */
  | { law: 'lognormal'; median: number; sd: number }
  /** Exponential phases: with probability `share`, rate `rate` per unit. */
  | { law: 'hyperexponential'; phases: readonly { share: number; rate: number }[] }

/** A stream of its own for each purpose: what one part draws moves nothing in another. */
export function stream(seed: number, ...parts: readonly number[]): Prng {
  let mixed = seed >>> 0
  for (const part of parts) {
    mixed = Math.imul(mixed ^ (part + 0x7f4a7c15 + (mixed << 6) + (mixed >>> 2)), 0x9e3779b1)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> 0
  }
  return prng(mixed)
}

/** A number in (0, 1), so that there is never a logarithm of zero. */
export function uniform(random: Prng): number {
  return (nextFraction(random) * 2 ** 32 + 0.5) / 2 ** 32
}

export const between = (random: Prng, low: number, high: number): number =>
  low + (high - low) * nextFraction(random)

export const chance = (random: Prng, probability: number): boolean =>
  nextFraction(random) < probability

export function normal(random: Prng): number {
  return Math.sqrt(-2 * Math.log(uniform(random))) * Math.cos(2 * Math.PI * uniform(random))
}

export const exponential = (random: Prng, mean: number): number => -mean * Math.log(uniform(random))

export const lognormal = (random: Prng, median: number, sd: number): number =>
  median * Math.exp(sd * normal(random))

/** Gamma of scale 1. */
export function gamma(random: Prng, shape: number): number {
  if (shape < 1) return gamma(random, shape + 1) * uniform(random) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = normal(random)
    const v = (1 + c * x) ** 3
    if (v <= 0) continue
    if (Math.log(uniform(random)) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}

/** Knuth 1969, The Art of Computer Programming 2, §3.4.1, algorithm Q. */
export function poisson(random: Prng, mean: number): number {
  // A sum of Poissons is one, so large means are split before exp(-mean) underflows.
  if (mean > 500) return poisson(random, 500) + poisson(random, mean - 500)
  const floor = Math.exp(-mean)
  let product = uniform(random)
  let count = 0
  while (product > floor) {
    product *= uniform(random)
    count += 1
  }
  return count
}

export function draw(random: Prng, law: Law): number {
  switch (law.law) {
    case 'exponential':
      return exponential(random, law.mean)
    case 'gamma':
      return law.scale * gamma(random, law.shape)
    case 'weibull':
      return law.scale * exponential(random, 1) ** (1 / law.shape)
    case 'lognormal':
      return lognormal(random, law.median, law.sd)
    case 'hyperexponential':
      return exponential(random, 1 / phaseOf(random, law.phases, ({ share }) => share).rate)
  }
}

/** Draws in proportion to length: the session that a random moment falls into. */
export function drawLengthBiased(random: Prng, law: Law): number {
  switch (law.law) {
    case 'exponential':
      return law.mean * gamma(random, 2)
    case 'gamma':
      return law.scale * gamma(random, law.shape + 1)
    case 'weibull':
      return law.scale * gamma(random, 1 + 1 / law.shape) ** (1 / law.shape)
    case 'lognormal':
      return lognormal(random, law.median * Math.exp(law.sd ** 2), law.sd)
    case 'hyperexponential':
      return gamma(random, 2) / phaseOf(random, law.phases, ({ share, rate }) => share / rate).rate
  }
}

function phaseOf<Phase>(
  random: Prng,
  phases: readonly Phase[],
  weightOf: (phase: Phase) => number,
): Phase {
  const total = phases.reduce((sum, phase) => sum + weightOf(phase), 0)
  let rest = total * nextFraction(random)
  for (const phase of phases) {
    rest -= weightOf(phase)
    if (rest < 0) return phase
  }
  return phases.at(-1)!
}

export function mean(law: Law): number {
  switch (law.law) {
    case 'exponential':
      return law.mean
    case 'gamma':
      return law.shape * law.scale
    case 'weibull':
      return law.scale * Math.exp(logGamma(1 + 1 / law.shape))
    case 'lognormal':
      return law.median * Math.exp(law.sd ** 2 / 2)
    case 'hyperexponential':
      return law.phases.reduce((sum, { share, rate }) => sum + share / rate, 0)
  }
}

/** Lanczos 1964, g = 5, six terms; relative error below 2e-10. */
export function logGamma(x: number): number {
  const terms = [
    76.18009172947146, -86.50532032941678, 24.01409824083091, -1.231739572450155,
    0.001208650973866179, -0.000005395239384953,
  ]
  const t = x + 5.5
  let sum = 1.000000000190015
  terms.forEach((term, index) => {
    sum += term / (x + 1 + index)
  })
  return (x + 0.5) * Math.log(t) - t + Math.log((2.5066282746310007 * sum) / x)
}
