/**
 * How many rounds a run will take, reckoned with volunteers that are all alike, are here from the
 * first round to the last, and do nothing but steps.
 */
import type { RunConfig } from '../../protocol/index.ts'

export interface Expected {
  rounds: number
  /** Counted when the run ends: fewer than all where the limit of rounds comes first. */
  batches: number
  /** Seconds of computing for each of the volunteers. */
  seconds: number
}

export function expectRounds(
  { training, round }: Pick<RunConfig, 'training' | 'round'>,
  stepMs: number,
  volunteers: number,
): Expected {
  const stepsInBox = Math.max(1, Math.floor((round.seconds * 1000) / stepMs))
  const batchesInRound = Math.min(round.batchesMax, volunteers * stepsInBox)
  const needed = Math.ceil(training.batchesMax / batchesInRound)
  const rounds = Math.min(needed, training.roundsMax ?? needed)
  const batches = Math.min(training.batchesMax, rounds * batchesInRound)
  return { rounds, batches, seconds: (batches * stepMs) / 1000 / volunteers }
}
