/** What the benchmark makes of what it measured: ratios within rounds, a place in a document. */
import { expect, test } from 'vitest'
import { median, medianOf, timesAsFast } from '../bench/contest.ts'
import { withTable } from '../bench/report.ts'

const answers = (...seconds: number[]) =>
  seconds.map((cpu) => ({ cpu, wall: 2 * cpu, peakBytes: 0 }))

for (const [rounds, own, other, expected] of [
  ['of one round', [2], [3], 1.5],
  ['whose second was disturbed for both', [1, 10, 1], [2, 20, 2], 2],
  ['whose second was disturbed for one', [1, 10, 1], [2, 2, 2], 2],
  ['of an even number', [1, 1], [1, 3], 2],
] as const) {
  test(`the ratio of rounds ${rounds}`, () => {
    const results = new Map([
      ['own', answers(...own)],
      ['other', answers(...other)],
    ])
    expect(timesAsFast(results, 'own', 'other')).toBe(expected)
    expect(timesAsFast(results, 'own', 'absent')).toBeNull()
  })
}

test('medians leave out what is not there', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(medianOf([null, 4, null, 2])).toBe(3)
  expect(medianOf([null])).toBeNull()
})

test('tables take the place of those before, and need one', () => {
  const [start, end] = [
    '<!-- npm run bench -- --record -->',
    '<!-- end of the tables of record -->',
  ]
  const once = withTable(`a\n${start}\n${end}\nb\n`, '| 1 |')
  expect(once).toBe(`a\n${start}\n\n| 1 |\n${end}\nb\n`)
  expect(withTable(once, '| 2 |')).toBe(once.replace('1', '2'))
  expect(() => withTable('a', '| 1 |')).toThrow(/no place/)
})
