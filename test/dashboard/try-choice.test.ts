/** Which adapter answers beside the base. */
import { expect, test } from 'vitest'
import type { RoundRow } from '../../node/dashboard/rows.ts'
import { chooseAdapter } from '../../node/dashboard/try-choice.ts'

const row = (round: number, adapter: string | null) => ({ round, adapter }) as RoundRow
const ROUNDS = [row(1, 'b'), row(0, 'a'), row(2, null)]

for (const [what, rounds, wanted, expected] of [
  ['the newest', ROUNDS, null, { status: 'adapter', round: 2, digest: 'b' }],
  ['an older one', ROUNDS, 1, { status: 'adapter', round: 1, digest: 'a' }],
  ['one of a round that is not merged', ROUNDS, 3, { status: 'no-adapter' }],
  ['any, before a round is merged', [row(0, null)], null, { status: 'no-adapter' }],
  ['any, before there is a round', [], null, { status: 'no-adapter' }],
] as const) {
  test(`whoever wants ${what} gets ${expected.status}`, () => {
    expect(chooseAdapter(rounds, wanted)).toMatchObject(expected)
  })
}
