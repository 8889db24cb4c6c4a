/** How many rounds a run takes, and what counts before a limit of rounds ends it. */
import { expect, test } from 'vitest'
import { expectRounds } from '../../node/setup/expect-rounds.ts'
import { exampleConfig } from '../protocol/example-config.ts'

for (const [batchesMax, roundsMax, roundBatches, stepMs, volunteers, rounds, batches, seconds] of [
  // Rounds of 60 s: a machine does 60 steps of 1 s in each.
  [600, null, 1_000, 1_000, 1, 10, 600, 600],
  [600, null, 1_000, 1_000, 5, 2, 600, 120],
  [601, null, 1_000, 1_000, 5, 3, 601, 120.2],
  // The limit comes first.
  [600, 4, 1_000, 1_000, 1, 4, 240, 240],
  [600, 4, 1_000, 1_000, 5, 2, 600, 120],
  // A round hands out no more than it may.
  [600, null, 30, 1_000, 5, 20, 600, 120],
  // A step longer than the box still ends in it, as one.
  [3, null, 1_000, 90_000, 1, 3, 3, 270],
] as const) {
  const run = `${batchesMax} batches, at most ${roundsMax} rounds of ${roundBatches}`
  test(`${run}: ${volunteers} volunteers take ${rounds} rounds`, () => {
    const config = exampleConfig({
      training: { batchesMax, roundsMax },
      round: { seconds: 60, batchesMax: roundBatches },
    })
    const expected = expectRounds(config, stepMs, volunteers)
    expect(expected).toEqual({ rounds, batches, seconds })
  })
}
