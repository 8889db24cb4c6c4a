/** Which steps are trained again: a share or a number of them, the same for the same seed. */
import { expect, test } from 'vitest'
import {
  countedSteps,
  drawShare,
  drawSteps,
  stepsOf,
  takenBackSteps,
} from '../../node/run/draw-picks.ts'
import type { RunRecord } from '../../node/run/read-record.ts'

type Record = Pick<RunRecord, 'merges'> & { state: Pick<RunRecord['state'], 'history'> }

/**
 * Rounds of leases with these steps, of which lease 1 was rejected and lease 3 is taken back; the
 * last round was merged, and the run went back behind it.
 */
function recordOf(...rounds: number[][]): Record {
  let leaseId = 0
  const merges = rounds.map((leases) => ({
    job: { contributions: leases.map((steps) => ({ leaseId: leaseId++, steps })) },
    claimed: { rejected: [{ leaseId: 1, reason: 'not finite' }] },
  }))
  const history = merges.slice(0, -1).map(({ job }) => ({
    contributions: job.contributions.filter((each) => each.leaseId !== 1 && each.leaseId !== 3),
  }))
  return { merges, state: { history } } as unknown as Record
}

const RECORD = recordOf([4, 9, 2], [7, 8, 8, 1], [5], [6, 6])

test('what was rejected or is taken back is not drawn', () => {
  expect(countedSteps(RECORD)).toBe(28)
  expect(takenBackSteps(RECORD)).toBe(19)
  const drawn = drawShare(RECORD, { share: 1, seed: 1 }).map(({ leaseId }) => leaseId)
  expect(drawn.sort((a, b) => a - b)).toEqual([0, 2, 4, 5, 6, 7])
})

for (const share of [0.01, 0.05, 0.5, 1]) {
  test(`a share of ${share} has as many steps, in whole leases`, () => {
    for (let seed = 0; seed < 50; seed++) {
      const drawn = drawShare(RECORD, { share, seed })
      expect(stepsOf(drawn), `seed=${seed}`).toBeGreaterThanOrEqual(28 * share)
      expect(stepsOf(drawn.slice(0, -1)), `seed=${seed}`).toBeLessThan(28 * share)
      expect(drawShare(RECORD, { share, seed })).toEqual(drawn)
    }
  })
}

for (const [count, expected] of [
  [0, 0],
  [1, 1],
  [8, 8],
  [28, 28],
  [99, 28],
] as const) {
  test(`${count} steps are ${expected}, the first of each lease`, () => {
    for (let seed = 0; seed < 50; seed++) {
      const drawn = drawSteps(RECORD, { count, seed })
      expect(stepsOf(drawn), `seed=${seed}`).toBe(expected)
      expect(new Set(drawn.map(({ leaseId }) => leaseId)).size).toBe(drawn.length)
    }
  })
}
