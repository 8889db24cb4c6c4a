/** What a journal may hold, whoever wrote it: what a coordinator writes, and nothing else. */
import { expect, test } from 'vitest'
import { checkedEvent } from '../../node/run/event-schema.ts'

const DIGEST = 'ab'.repeat(32)
const BLOB = { digest: DIGEST, bytes: 7 }
const REQUEST = { type: 'request', at: 5, peer: '12D3KooW', requestId: 1, genuine: true }
const JOIN = { type: 'join', version: 2, runId: null, session: 1, name: 'ada', software: 'x' }
const AGGREGATE = {
  adapter: DIGEST,
  checkpoint: BLOB,
  update: BLOB,
  moment: null,
  outerState: BLOB,
  manifest: BLOB,
  rejected: [{ leaseId: 3, reason: 'not finite' }],
  contrary: [],
}

for (const event of [
  { ...REQUEST, request: JOIN },
  { ...REQUEST, request: JOIN, origin: 'abcdef0123456789', block: '0123456789abcdef' },
  { ...REQUEST, request: JOIN, invite: { name: 'class', isExpired: false } },
  { type: 'invited', at: 9, terms: { name: 'class', expiresAt: null, membersMax: 30 } },
  { type: 'invite-revoked', at: 9, name: 'class' },
  { type: 'allowed', at: 9, peer: '12D3KooW' },
  { ...REQUEST, request: { type: 'leave', reason: 'the user left' } },
  { type: 'evaluated', at: 9, round: 1, loss: 2.5 },
  { type: 'evaluated', at: 9, round: 1, loss: 2.5, generalLoss: 3 },
  { type: 'evaluated', at: 9, round: 1, loss: 0.6, accuracy: 0.75, margin: -0.5 },
  { type: 'scored', at: 9, round: 1, adapter: DIGEST, scores: { acc: 1 }, reason: null },
  { type: 'scored', at: 9, round: 1, adapter: DIGEST, scores: null, reason: 'too slow' },
  { type: 'aggregated', at: 9, round: 0, attempt: 0, aggregate: AGGREGATE },
]) {
  test(`${Object.keys(event)} of '${event.type}' is an event`, () =>
    expect(checkedEvent(event)).toEqual(event))
}

for (const [what, event, words] of [
  ['a token', { ...REQUEST, request: { ...JOIN, token: 1 }, origin: 7 }, 'event.origin'],
  ['a name of two words', { type: 'invited', at: 1, terms: { name: 'a b' } }, 'event.terms.name'],
  ['an unknown kind', { type: 'sung', at: 1 }, 'event.type'],
  ['an unknown field', { type: 'tick', at: 1, more: 1 }, 'event.more'],
  ['a time that is none', { type: 'tick', at: -1 }, 'event.at'],
  [
    'a share above 1',
    { type: 'scored', at: 9, round: 1, adapter: DIGEST, scores: { acc: 2 }, reason: null },
    'event.scores.acc',
  ],
  ['no object', 7, 'event.type'],
  ['no request', { ...REQUEST, request: null }, 'event.request.type'],
] as const) {
  test(`${what} is refused, and the field is named`, () =>
    expect(() => checkedEvent(event)).toThrow(words))
}
