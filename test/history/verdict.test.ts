/** What losses mean: course, the round to keep, and whether general text is forgotten. */
import { expect, test } from 'vitest'
import type { RoundRow } from '../../node/history/rows.ts'
import {
  type Course,
  judge,
  learningWords,
  type MeasuredAdapter,
  measuredOf,
  verdictsOf,
} from '../../node/history/verdict.ts'
import { bestRound } from '../../node/run/best-round.ts'

type Losses = readonly (readonly [loss: number, trainLoss?: number | null, generalLoss?: number])[]

/** Losses of the base and of the adapters after round 1, 2, … */
const measured = (losses: Losses): MeasuredAdapter[] =>
  losses.map(([loss, trainLoss = null, generalLoss = null], round) => ({
    round,
    loss,
    cost: loss,
    trainLoss,
    generalLoss,
    accuracy: null,
    margin: null,
  }))

for (const [what, losses, course, best] of [
  ['nothing', [], 'unmeasured', null],
  ['the base', [[4]], 'begun', null],
  ['falling', [[4], [3.5], [3]], 'learning', 2],
  ['hardly falling', [[4], [3.99]], 'level', 1],
  ['a little above the best', [[4], [3], [3.05]], 'learning', 1],
  ['rising while the training loss falls', [[2], [0.564, 0.6], [1.098, 0.2]], 'overfitting', 1],
  ['rising, and the training loss is not known', [[2], [0.564], [1.098]], 'overfitting', 1],
  ['rising with the training loss', [[2], [1, 1], [1.5, 1.6]], 'diverging', 1],
  ['rising above the base', [[2], [1, 1], [2.5, 0.4]], 'overfitting', 1],
  ['above the base from the first', [[2], [2.2, 2], [2.5, 1]], 'worse', 1],
] as [string, Losses, Course, number | null][]) {
  test(`${what}: ${course}`, () => {
    const all = measured(losses)
    expect(judge(all)).toMatchObject({ course, best })
    expect(judge(all.toReversed())).toEqual(judge(all))
    expect(best).toBe(bestRound(losses.map(([cost], round) => ({ round, cost }))))
  })
}

test('overfitting is said with both losses, and with the round to keep', () => {
  const words = learningWords(measured([[2], [0.564, 0.6], [1.098, 0.2]]))
  expect(words).toBe(
    'It is overfitting: on text that nobody trained on, the loss after round 2 is 1.098, ' +
      "94.7 % above round 1's 0.564. Keep the adapter of round 1, which did best: export and " +
      'generate take it, unless they are given another round.',
  )
})

test('what the organiser goes by decides which adapter is kept, not what the losses mean', () => {
  const all = measured([[2], [0.6, 0.6], [0.9, 0.2], [1.1, 0.1]])
  const scored = all.map((each, round) => ({ ...each, cost: [0.5, 0.4, 0.1, null][round]! }))
  const { course, best, reason } = judge(scored)
  expect([course, best]).toEqual(['overfitting', 2])
  expect(reason).toContain(
    "83.3 % above round 1's 0.600. Keep the adapter of round 2, which has the",
  )
  expect(judge(all).reason).toContain('Keep the adapter of round 1, which did best')
  const unscored = judge(all.map((each) => ({ ...each, cost: null })))
  expect([unscored.course, unscored.best]).toEqual(['overfitting', null])
  expect(unscored.reason).not.toContain('Keep')
})

test('a score that rises is a cost that falls; an adapter without it has none', () => {
  const rows = [
    { round: 0, heldOutLoss: 4, scores: { acc: 0.25, exactMatch: 0 } },
    { round: 1, heldOutLoss: 3 },
  ] as RoundRow[]
  expect(measuredOf(rows, 'acc').map(({ cost }) => cost)).toEqual([0.75, null])
  expect(measuredOf(rows, 'exact_match').map(({ cost }) => cost)).toEqual([1, null])
  expect(measuredOf(rows, 'acc_norm').map(({ cost }) => cost)).toEqual([1, null])
  expect(measuredOf(rows).map(({ cost }) => cost)).toEqual([4, 3])
})

for (const [what, [before, after], expected] of [
  ['forgotten', [3.595, 4.22], 'It forgets: general text 3.60 → 4.22.'],
  ['kept', [3.6, 3.65], 'It keeps what it knew: general text 3.60 → 3.65.'],
  ['bettered', [3.6, 3.1], 'It keeps what it knew: general text 3.60 → 3.10.'],
] as const) {
  test(`general text that is ${what} is said to be`, () => {
    const { memory } = judge(
      measured([
        [1, null, before],
        [0.3, null, after],
      ]),
    )
    expect(memory).toEqual({ forgets: what === 'forgotten', reason: expected })
  })
}

test('where general text is not watched, nothing is said of it', () => {
  expect(judge(measured([[1], [0.3]])).memory).toBeNull()
  expect(learningWords(measured([[1], [0.3]]))).not.toContain('general')
})

test('the verdict after a round is that of the rounds up to it', () => {
  const all = measured([[2], [1, 1], [0.9, 0.8], [1.4, 0.3]])
  const verdicts = verdictsOf(all)
  expect(verdicts.map(({ course }) => course)).toEqual([
    'begun',
    'learning',
    'learning',
    'overfitting',
  ])
  for (const { round, ...verdict } of verdicts) {
    expect(judge(all.slice(0, round + 1))).toMatchObject(verdict)
  }
})

test("an adapter's training loss is that of the round that made it", () => {
  const rows = [
    { round: 1, heldOutLoss: 3, generalLoss: 5, trainLoss: 2, accuracy: 0.5, margin: 1 },
    { round: 0, heldOutLoss: 4, generalLoss: 5, trainLoss: 3.5, accuracy: 0, margin: 0 },
    { round: 2, heldOutLoss: null, generalLoss: null, trainLoss: null },
  ] as RoundRow[]
  expect(measuredOf(rows)).toEqual([
    { round: 0, loss: 4, cost: 4, generalLoss: 5, trainLoss: null, accuracy: 0, margin: 0 },
    { round: 1, loss: 3, cost: 3, generalLoss: 5, trainLoss: 3.5, accuracy: 0.5, margin: 1 },
  ])
})

test('of answers that are rated, accuracy and margin are said in place of the perplexity', () => {
  const [before, after] = measured([[0.7], [0.5]])
  const rated = [
    { ...before!, accuracy: 0, margin: 0 },
    { ...after!, accuracy: 0.75, margin: 0.4 },
  ]
  expect(judge(rated.slice(0, 1)).reason).toBe(
    'Nothing is learned yet: accuracy 0.0 %, margin 0.0000 on held-out answers before round 1.',
  )
  expect(judge(rated).reason).toBe(
    'It is learning: on answers that nobody trained on, the loss after round 1 is 0.500, 28.6 % ' +
      'below what it began with, 0.700 (accuracy 0.0 %, margin 0.0000 then, accuracy 75.0 %, ' +
      'margin 0.4000 now).',
  )
})
