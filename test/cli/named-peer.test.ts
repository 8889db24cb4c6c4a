/** Whom a user means by an id, the end of one, or a name. */
import { expect, test } from 'vitest'
import { namedPeer } from '../../node/cli/named-peer.ts'

const ADA = '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'
const BOB = '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'
const STRANGER = '12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X'

/** @param called what Ada and Bob call themselves */
function check(who: string, called: readonly [string | null, string], expected: string): void {
  const names = new Map([
    [ADA, called[0]],
    [BOB, called[1]],
  ])
  const name = () => namedPeer(who, { names, they: 'of the run' })
  if (expected.startsWith('12D3')) expect(name()).toBe(expected)
  else expect(name).toThrow(expected)
}

for (const [who, called, expected] of [
  ['ada', ['ada', 'bob'], ADA],
  [ADA.slice(-6), [null, 'bob'], ADA],
  [ADA, ['ada', 'bob'], ADA],
  // A whole id is nobody's name, be its peer known or not.
  [ADA, ['ada', ADA], ADA],
  [STRANGER, ['ada', STRANGER], STRANGER],
  ['ada', ['ada', 'ada'], `more than one of the run is called so`],
  [ADA.slice(-6), ['ada', ADA.slice(-6)], `more than one of the run is called so`],
  [ADA.slice(-5), ['ada', 'bob'], 'nobody of the run is called so'],
  ['', ['ada', 'bob'], "who '' is as nobody"],
  ['ADA', ['ada', 'bob'], "as the pages show it. Did you mean 'ada'?"],
  ['margret', ['margaret', 'bob'], "Did you mean 'margaret'?"],
] as const) {
  test(`${called.join(' and ')}: '${who}' is ${expected}`, () => check(who, called, expected))
}

test('whoever may be meant is listed', () => check('ada', ['ada', 'ada'], `\n  ${ADA}\n  ${BOB}`))
