/** Scores in a line: the latest against those of what the run began with. */
import { expect, test } from 'vitest'
import type { RoundRow } from '../../node/history/rows.ts'
import { scoreLine } from '../../node/history/score-line.ts'
import type { RoundScores } from '../../protocol/scores.ts'

for (const [what, scored, line] of [
  ['none', [], null],
  ['those of the base', [{ round: 0, acc: 0.5 }], 'Scores before round 1: acc 50.0 %.'],
  [
    'a later one',
    [
      { round: 8, acc: 0.6124, accNorm: 0.5, exactMatch: 0.125 },
      { round: 0, acc: 0.5, exactMatch: 0 },
      { round: 4, acc: 1 },
    ],
    'Scores after round 8: acc 50.0 → 61.2 %, acc_norm 50.0 %, exact_match 0.0 → 12.5 %.',
  ],
  ['a later one alone', [{ round: 4, acc: 1 }], 'Scores after round 4: acc 100.0 %.'],
] as [string, RoundScores[], string | null][]) {
  test(`${what}: ${line}`, () => {
    const rows = scored.map(({ round, ...scores }) => ({ round, scores }))
    expect(scoreLine([...rows, { round: 9 }] as RoundRow[])).toBe(line)
  })
}
