/** Which adapter is kept: the best by what the organiser goes by, never the base. */
import { expect, test } from 'vitest'
import { bestRound } from '../../node/run/best-round.ts'

for (const [what, losses, expected] of [
  ['nothing is measured', [], null],
  ['the base alone', [4], null],
  ['each is better than the one before', [4, 3, 2], 2],
  ['the later ones have learned by heart', [4, 0.564, 0.8, 1.098], 1],
  ['two are equal', [4, 2, 2, 3], 1],
  ['all are worse than the base', [4, 4.5, 4.2], 2],
] as const) {
  test(`${what}: ${expected}`, () => {
    const measured = losses.map((loss, round) => ({ round, cost: loss }))
    expect(bestRound(measured)).toBe(expected)
    expect(bestRound(measured.toReversed())).toBe(expected)
  })
}
