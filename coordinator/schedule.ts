/**
 * The learning rate of a round: a rise, then constant, linear or cosine decay to `finalFraction`.
 * It follows the work that counted, not the clock. Doubles and + - * / only, so that every engine
 * gets the same bits.
 */
import type { RunConfig } from '../protocol/index.ts'

/**
 * Share of the run that is done, in [0, 1]: by batches or, where they are limited, by rounds,
 * whichever is further.
 */
export function progressOf(config: RunConfig, batchesCounted: number, round: number): number {
  const { batchesMax, roundsMax } = config.training
  const byRounds = roundsMax === null ? 0 : round / roundsMax
  return Math.min(1, Math.max(batchesCounted / batchesMax, byRounds))
}

export function learningRateAt(config: RunConfig, batchesCounted: number, round: number): number {
  const { learningRate, warmupFraction, finalFraction, schedule } = config.training
  const progress = progressOf(config, batchesCounted, round)
  if (progress < warmupFraction) {
    // The rate that the rise reaches at the end of a full round: a first round at 0 would be
    // wasted.
    return learningRate * Math.min(1, (progress + roundShare(config)) / warmupFraction)
  }
  if (schedule === 'constant' || warmupFraction === 1) return learningRate
  const decayed = (progress - warmupFraction) / (1 - warmupFraction)
  const falling = schedule === 'linear' ? 1 - decayed : raisedCosine(decayed)
  return learningRate * (finalFraction + (1 - finalFraction) * falling)
}

/** Share of the run that a full round does. */
function roundShare(config: RunConfig): number {
  const { batchesMax, roundsMax } = config.training
  const byRounds = roundsMax === null ? 0 : 1 / roundsMax
  return Math.max(byRounds, Math.min(1, config.round.batchesMax / batchesMax))
}

/** (1 + cos πt) / 2 = 1 - sin²(πt/2) for t in [0, 1]; exactly 1 at 0, 0 at 1 to within 1e-14. */
function raisedCosine(t: number): number {
  const sine = sineOf((Math.PI / 2) * t)
  return Math.max(0, 1 - sine * sine)
}

/** Taylor series of sin to x^19, by Horner's rule; error below 3e-16 on [0, π/2]. */
function sineOf(x: number): number {
  const square = x * x
  let sum = 1
  for (let n = 18; n >= 2; n -= 2) sum = 1 - (square / (n * (n + 1))) * sum
  return x * sum
}
