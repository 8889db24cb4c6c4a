/** Student's quantiles as they are printed, and summaries that can be computed by hand. */
import { expect, test } from 'vitest'
import { studentQuantile, summaryOf } from '../../simulations/statistics.ts'

/** Fisher and Yates 1938, Statistical Tables, table III. */
for (const [freedom, quantile] of [
  [1, 12.706],
  [2, 4.303],
  [3, 3.182],
  [4, 2.776],
  [5, 2.571],
  [9, 2.262],
  [19, 2.093],
  [30, 2.042],
  [120, 1.98],
] as const) {
  test(`with ${freedom} degrees of freedom, 95 of 100 are within ${quantile}`, () =>
    expect(studentQuantile(freedom)).toBeCloseTo(quantile, 3))
}

test('the mean of five, its interval and their quantiles', () => {
  const { mean, within, p5, p50, p95 } = summaryOf([5, 1, 2, 4, 3])
  expect([mean, p50]).toEqual([3, 3])
  expect([p5, p95]).toEqual([expect.closeTo(1.2, 9), expect.closeTo(4.8, 9)])
  expect(within).toBeCloseTo(2.776 * Math.sqrt(2.5 / 5), 3)
})

test('one value has no interval', () =>
  expect(summaryOf([7])).toEqual({ mean: 7, within: null, p5: 7, p50: 7, p95: 7 }))
