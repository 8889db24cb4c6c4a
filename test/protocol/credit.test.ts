/** What a chain of manifests credits, and which are no chain. */
import { expect, test } from 'vitest'
import {
  creditOf,
  type PeerCredit,
  type RoundManifest,
  type Subtracted,
} from '../../protocol/credit.ts'
import type { Manifest } from '../../protocol/envelope.ts'
import { exampleManifest } from './example-messages.ts'
import { chainOf, type Done, named } from './manifest-chain.ts'

const { runId } = exampleManifest

const ADA: Done = [1, 'ada', 10]
const BOB: Done = [2, 'bob', 30]
const ADA_AGAIN: Done = [3, 'ada', 25]
const lostOf = (round: number, ...leaseIds: number[]): Subtracted => ({
  manifest: { digest: named(`round ${round}`) },
  leaseIds,
})

type Line = [peer: string, tokens: number, batches: number, contributions: number]

const linesOf = (credits: PeerCredit[]) =>
  credits.map(
    ({ peer, tokens, batches, contributions }): Line => [peer, tokens, batches, contributions],
  )

function check(
  chain: RoundManifest[],
  takenBack: Subtracted[],
  expected: Line[],
  lost: Line[] = [],
): void {
  const credits = creditOf(runId, chain, takenBack)
  expect(linesOf(credits.counted)).toEqual(expected)
  expect(linesOf(credits.takenBack)).toEqual(lost)
}

for (const [what, chain, takenBack, expected, lost] of [
  ['no round', chainOf(), [], []],
  [
    'one round, most tokens first',
    chainOf({ done: [ADA, BOB] }),
    [],
    [
      ['bob', 30, 2, 1],
      ['ada', 10, 2, 1],
    ],
  ],
  [
    'two rounds',
    chainOf({ done: [ADA, BOB] }, { done: [ADA_AGAIN] }),
    [],
    [
      ['ada', 35, 4, 2],
      ['bob', 30, 2, 1],
    ],
  ],
  [
    'as many tokens: by peer id',
    chainOf({
      done: [
        [1, 'bob', 5],
        [2, 'ada', 5],
      ],
    }),
    [],
    [
      ['ada', 5, 2, 1],
      ['bob', 5, 2, 1],
    ],
  ],
  [
    'work that a later round subtracts',
    chainOf({ done: [ADA, BOB] }, { done: [ADA_AGAIN], lost: [[0, [2]]] }),
    [],
    [['ada', 35, 4, 2]],
    [['bob', 30, 2, 1]],
  ],
  [
    'work that is to be subtracted',
    chainOf({ done: [ADA, BOB] }),
    [lostOf(0, 2)],
    [['ada', 10, 2, 1]],
    [['bob', 30, 2, 1]],
  ],
  [
    'work of one that is subtracted in two ways',
    chainOf({ done: [ADA, BOB] }, { done: [ADA_AGAIN], lost: [[0, [1]]] }),
    [lostOf(1, 3)],
    [['bob', 30, 2, 1]],
    [['ada', 35, 4, 2]],
  ],
] as [string, RoundManifest[], Subtracted[], Line[], Line[]?][]) {
  test(`credit: ${what}`, () => check(chain, takenBack, expected, lost))
}

const two = () => chainOf({ done: [ADA] }, { done: [BOB] })
function changed(index: number, fields: Partial<Manifest>): RoundManifest[] {
  return two().map((each, at) =>
    at === index ? { ...each, manifest: { ...each.manifest, ...fields } } : each,
  )
}

for (const [what, chain, takenBack, field] of [
  ['one of another run', changed(1, { runId: named('other') }), [], 'runId'],
  ['one left out at the start', two().slice(1), [], 'parent'],
  ['two that changed places', two().reverse(), [], 'parent'],
  ['one put twice', [...two(), two()[1]!], [], 'parent'],
  ['a round that does not rise', changed(1, { round: 0 }), [], 'round'],
  ['a lease that was never counted', two(), [lostOf(0, 9)], 'leaseIds'],
  ['a lease subtracted twice', two(), [lostOf(0, 1), lostOf(0, 1)], 'leaseIds'],
  ['a lease of a round that is not there', two(), [lostOf(7, 1)], 'leaseIds'],
  [
    'a round that subtracts from itself',
    chainOf({ done: [ADA], lost: [[0, [1]]] }),
    [],
    'leaseIds',
  ],
] as [string, RoundManifest[], Subtracted[], string][]) {
  test(`no chain: ${what}`, () => {
    expect(() => creditOf(runId, chain, takenBack)).toThrow(`as '${field}' must be`)
  })
}
