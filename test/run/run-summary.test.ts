/** Whom the card of an export thanks: those whose work is in its adapter. */
import { expect, test } from 'vitest'
import { contributorsOf } from '../../node/run/run-summary.ts'
import { exampleManifest } from '../protocol/example-messages.ts'
import { chainOf, type Done } from '../protocol/manifest-chain.ts'

const ADA: Done = [1, '12D3KooWada', 10]
const BOB: Done = [2, '12D3KooWbob', 30]
const BOB_AGAIN: Done = [3, '12D3KooWbob', 5]
const CHAIN = chainOf({ done: [ADA, BOB] }, { done: [BOB_AGAIN], lost: [[0, [2]]] })

for (const [what, rounds, expected] of [
  ['nothing was subtracted yet', 1, ['3KooWbob 30 of 1', 'ada 10 of 1']],
  ['a later round subtracted', 2, ['ada 10 of 1', '3KooWbob 5 of 1']],
] as const) {
  test(`where ${what}, they are ${expected.join(' and ')}`, () => {
    const names = new Map([[ADA[1], 'ada']])
    const found = contributorsOf({ names, runId: exampleManifest.runId }, CHAIN.slice(0, rounds))
    const shown = found.map((one) => `${one.name} ${one.tokens} of ${one.contributions}`)
    expect(shown).toEqual(expected)
  })
}
