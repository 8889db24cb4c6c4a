/** Points of a sweep: combinations, samples that fill their ranges, and what is refused. */
import { describe, expect, test } from 'vitest'
import { axisOf, pointsOf } from '../../simulations/sweep.ts'

const axes = (...texts: string[]) => texts.map(axisOf)

test('every combination comes once, the last key changing fastest', () => {
  expect(pointsOf(axes('round.seconds=60,300', 'audit.trust=friends,strangers'), null)).toEqual([
    { 'round.seconds': '60', 'audit.trust': 'friends' },
    { 'round.seconds': '60', 'audit.trust': 'strangers' },
    { 'round.seconds': '300', 'audit.trust': 'friends' },
    { 'round.seconds': '300', 'audit.trust': 'strangers' },
  ])
})

describe('a sample fills its ranges', () => {
  const points = pointsOf(
    axes('round.seconds=60..6000', 'faults.x=0..0.5', 'audit.trust=friends,strangers'),
    64,
  )
  const sorted = (key: string) => points.map((point) => Number(point[key])).sort((a, b) => a - b)

  test('by difference, with no gap above five times the even one', () => {
    const values = [0, ...sorted('faults.x'), 0.5]
    const gaps = values.slice(1).map((value, index) => value - values[index]!)
    expect(Math.min(...values)).toBe(0)
    expect(Math.max(...gaps)).toBeLessThan((5 * 0.5) / 64)
  })

  test('by ratio where its ends are far apart, in whole numbers between whole ends', () => {
    const seconds = sorted('round.seconds')
    expect(seconds.every(Number.isInteger)).toBe(true)
    expect([seconds[0]! >= 60, seconds.at(-1)! <= 6000]).toEqual([true, true])
    // The middle of the ratios is 600.
    expect(Math.abs(seconds.filter((value) => value < 600).length - 32)).toBeLessThan(3)
  })

  test('and values that are listed, each about as often', () => {
    const trusting = points.filter((point) => point['audit.trust'] === 'friends').length
    expect(Math.abs(trusting - 32)).toBeLessThan(4)
  })

  test('more points have the fewer among them', () => {
    const few = pointsOf(axes('round.seconds=60..6000'), 5)
    expect(pointsOf(axes('round.seconds=60..6000'), 9).slice(0, 5)).toEqual(few)
  })
})

for (const [why, texts, samples, said] of [
  ['no key', ['seconds=60'], null, 'SECTION.KEY=A,B,C'],
  ['a value twice', ['round.seconds=60,60'], null, 'current value is round.seconds=60,60'],
  ['a value of nothing', ['round.seconds=60,'], null, 'current value is round.seconds=60,'],
  ['a range upside down', ['round.seconds=60..30'], 4, 'current value is round.seconds=60..30'],
  ['a range without samples', ['round.seconds=60..90'], null, "without '--samples N'"],
  ['a key twice', ['round.seconds=60', 'round.seconds=90'], null, "'round.seconds' twice"],
  ['too many samples', ['round.seconds=60..90'], 1e6, '1000000 points'],
] as [string, string[], number | null, string][]) {
  test(`refused: ${why}`, () => {
    expect(() => pointsOf(axes(...texts), samples)).toThrow(said)
  })
}
