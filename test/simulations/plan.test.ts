/** The planner finds the best choice where there is one, and tries no more than it says. */
import { expect, test } from 'vitest'
import { type Choice, plan, TRIALS_MAX } from '../../simulations/plan.ts'
import { DEFAULT_RUN } from '../../simulations/run-settings.ts'

const BEST: Choice = { seconds: 1200, stepsMax: 32, graceSeconds: 120, quorumFraction: 0.8 }

/** The nearer to the best, the more counts. */
function attempt(choice: Choice) {
  const away = (Object.keys(BEST) as (keyof Choice)[]).map((knob) =>
    Math.abs(Math.log2(choice[knob] / BEST[knob])),
  )
  const distance = away.reduce((sum, doublings) => sum + doublings, 0)
  return { goodput: 1 - distance / 20, bytesPerHour: 0, rounds: 1 }
}

test('the best choice comes first', () => {
  let count = 0
  const trials = plan(DEFAULT_RUN, attempt, () => {
    count += 1
  })
  expect(trials[0]).toMatchObject(BEST)
  expect(trials).toHaveLength(count)
  expect(count).toBeLessThanOrEqual(TRIALS_MAX)
})

test('where goodput is the same, the shortest round is chosen, and the fewest bytes', () => {
  const [best] = plan(
    DEFAULT_RUN,
    ({ stepsMax }) => ({ goodput: 0.9, bytesPerHour: 1e9 / stepsMax, rounds: 1 }),
    () => {},
  )
  expect(best).toMatchObject({ seconds: 300, stepsMax: 64 })
})
