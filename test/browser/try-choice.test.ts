/** Who answers, of the base and the adapters of all rounds. */
import { expect, test } from 'vitest'
import { chooseVoices } from '../../node/browser/pages/try-choice.ts'
import type { RoundRow } from '../../node/history/rows.ts'

/** The loss is that of the adapter that the round starts from. */
const row = (round: number, adapter: string | null, heldOutLoss: number | null = null) =>
  ({
    round,
    adapter,
    heldOutLoss,
    generalLoss: null,
    trainLoss: null,
    accuracy: null,
    margin: null,
  }) as RoundRow
/** The last is not merged yet. */
const ROUNDS = [row(5, null), ...[4, 3, 2, 1, 0].map((round) => row(round, `of ${round + 1}`))]

/** The adapter of round 2 is the best; that of round 4 is not measured yet. */
const MEASURED = [
  row(4, null),
  row(3, 'of 4', 2),
  row(2, 'of 3', 1),
  row(1, 'of 2', 3),
  row(0, 'of 1', 4),
]

const NOBODY: number[] = []

for (const [who, rows, wanted, offered, chosen] of [
  ['whoever comes first', ROUNDS, null, [0, 1, 3, 5], [0, 5]],
  ['an older one alone', ROUNDS, [3], [0, 1, 3, 5], [3]],
  ['one that is not offered', ROUNDS, [0, 4], [0, 1, 3, 4, 5], [0, 4]],
  ['one that is not merged', ROUNDS, [0, 6], [0, 1, 3, 5], [0]],
  ['whoever comes first, where the newest is not the best', MEASURED, null, [0, 1, 2, 4], [0, 2]],
  ['the newest, which is not the best', MEASURED, [4], [0, 1, 2, 4], [4]],
  ['nobody', ROUNDS, NOBODY, [0, 1, 3, 5], []],
  ['whoever comes first, after one round', [row(0, 'of 1')], null, [0, 1], [0, 1]],
  ['whoever comes first, before a round is merged', [row(0, null)], null, [0], [0]],
  ['whoever comes first, before there is a round', [], null, [0], [0]],
] as const) {
  test(`${who}: ${chosen.join(' and ') || 'none'} answers`, () => {
    const choice = chooseVoices(rows, wanted && new Set(wanted))
    expect(choice.offered.map(({ round }) => round)).toEqual(offered)
    expect(choice.chosen).toEqual(
      chosen.map((round) => ({ round, adapter: round === 0 ? null : `of ${round}` })),
    )
    const merged = rows.filter(({ adapter }) => adapter !== null)
    expect(choice.rounds).toEqual(merged.map(({ round }) => round + 1))
  })
}
