/** What is remembered of a peer, and how often its work is done again for it. */
import { expect, test } from 'vitest'
import { fullRateOf, isOnTrial, noteError, recordOf } from '../../coordinator/record.ts'
import type { PeerRecord } from '../../coordinator/state.ts'
import { statusOf } from '../../coordinator/status.ts'
import type { AuditCounts, RunConfig } from '../../protocol/index.ts'
import { startConversation } from './coordinator-language.ts'
import { checkedStep } from './invariants.ts'

const begin = (trust: RunConfig['audit']['trust']) =>
  startConversation([
    {
      input: [
        `config audit.trust=${trust} audit.fullShare=0.05 proven=ann,bob round.stepsMax=4 ` +
          'round.batchesMax=100 training.batchesMax=400',
      ],
      output: '',
    },
  ])

function check(lines: readonly string[], peer: string, expected: Partial<PeerRecord>): void {
  const { state, eventOf } = begin('friends')
  for (const line of lines) expect(checkedStep(state, eventOf(line)!).accepted, line).toBe(true)
  expect(state.records.get(peer)).toMatchObject(expected)
}

/** One lease of ann's, whose work is said to be repeated. */
const worked = (draw: string, lies = '') => [
  '0 started',
  '10 join ann',
  '20 join bob',
  '30 lease ann 1000',
  `4000 commit ann 0 4 draw=${draw}${lies}`,
  '4010 stored 0',
]
const asked = [...worked('full'), '4020 lease bob 1000']
const looked = [...worked('look'), '4020 lease bob 1000', '5000 audit bob 1']
const right = [...asked, '8000 audit bob 1']
const disputed = [...worked('full', ' bad=2'), '4020 lease bob 1000', '8000 audit bob 1']
const own = [
  '0 started',
  '10 join ann',
  '30 lease ann 1000',
  '4000 commit ann 0 4 draw=full',
  '4010 stored 0',
]
/** Two leases, of which the later one is found right first. */
const turned = [
  ...right.slice(0, 3),
  '30 lease ann 1000',
  '4000 commit ann 0 4 draw=full',
  '4020 lease ann 1000',
  '8000 commit ann 2 4 draw=full',
  '8020 lease bob 1000',
  '9000 fail bob 1 machine',
  '9010 lease bob 1000',
]

for (const [what, lines, peer, expected] of [
  ['a commit is a piece of work', worked('none'), 'ann', { works: 1, hasDelivered: true }],
  ['an audit that is asked for is none yet', asked, 'bob', { works: 0, auditedSteps: 0 }],
  ['an answer is one, too', right, 'bob', { works: 1, auditedSteps: 4, verifiedInARow: 10 }],
  [
    'all of it was repeated and found right',
    right,
    'ann',
    { verifiedInARow: 11, verified: [0], partner: 'bob', erredAt: null },
  ],
  ['one step was', looked, 'ann', { verifiedInARow: 10, verified: [], partner: 'bob' }],
  ['whoever looked has repeated one step', looked, 'bob', { works: 1, auditedSteps: 1 }],
  [
    'the coordinator repeated it: nobody is its partner',
    [...own, '9000 audited 1'],
    'ann',
    { verifiedInARow: 11, verified: [0], partner: null },
  ],
  [
    'it was wrong: how much it had done by then',
    [...disputed, '9000 audited 1'],
    'ann',
    { verifiedInARow: 0, verified: [], erredAt: 1, banned: null },
  ],
  ['... and who found it is right', [...disputed, '9000 audited 1'], 'bob', { erredAt: null }],
  [
    'the auditor was wrong',
    [...asked, '8000 audit bob 1 bad=1', '9000 audited 1'],
    'bob',
    { works: 1, erredAt: 1, auditedSteps: 4 },
  ],
] as [string, string[], string, Partial<PeerRecord>][]) {
  test(what, () => check(lines, peer, expected))
}

for (const [what, lines, counts] of [
  ['nothing', asked, {}],
  ['a look', looked, { looks: 1 }],
  ['a full audit', right, { fulls: 1 }],
  ['work that was wrong', [...disputed, '9000 audited 1'], { mismatches: 1 }],
  [
    'an auditor that was wrong',
    [...asked, '8000 audit bob 1 bad=1', '9000 audited 1'],
    { mismatches: 1 },
  ],
  ['one that is still open', [...asked, '8000 audit bob 1 bad=1'], {}],
  [
    'one of a round that is no more',
    [...asked, '60030 tick', '60040 aggregated 0', '60050 rewind 0'],
    { lapsed: 1 },
  ],
] as [string, string[], Partial<AuditCounts>][]) {
  test(`what came of audits: ${what}`, () => {
    const { state, eventOf } = begin('friends')
    for (const line of lines) expect(checkedStep(state, eventOf(line)!).accepted, line).toBe(true)
    const expected = { looks: 0, fulls: 0, mismatches: 0, lapsed: 0, ...counts }
    expect(state.auditCounts).toEqual(expected)
    expect(statusOf(state).audits).toEqual(expected)
  })
}

test('what was answered wrong is gone when somebody else is asked', () => {
  const { state, eventOf } = begin('friends')
  for (const line of asked) checkedStep(state, eventOf(line)!)
  checkedStep(state, eventOf('8000 audit bob 1 bad=1')!)
  expect(state.audits.get(1)).toMatchObject({ stage: 'disputed', auditor: 'bob' })
  checkedStep(state, eventOf('9000 audited 1')!)
  expect(state.audits.get(1)).toMatchObject({ stage: 'open', auditor: null, answer: null })
})

test('whoever gives an audit back has come for nothing once more', () => {
  const { state, eventOf } = begin('friends')
  for (const line of asked) checkedStep(state, eventOf(line)!)
  const { level } = state.patience.peers.get('bob')!
  checkedStep(state, eventOf('5000 fail bob 1 machine')!)
  expect(state.patience.peers.get('bob')!.level).toBeGreaterThan(level)
})

test('leases are remembered in their order, whichever was found right first', () => {
  const { state, eventOf } = begin('friends')
  for (const line of turned) checkedStep(state, eventOf(line)!)
  for (const [at, auditId] of [
    [9500, 3],
    [9600, 1],
  ] as const) {
    for (const line of [`${at} lease bob 1000`, `${at + 10} audit bob ${auditId}`]) {
      checkedStep(state, eventOf(line)!)
    }
  }
  expect(state.records.get('ann')).toMatchObject({ verifiedInARow: 12, verified: [0, 2] })
})

for (const [before, works, isAgain] of [
  [null, 1, false],
  [1, 2, true],
  [1, 51, true],
  [1, 52, false],
] as const) {
  const verdict = isAgain ? 'no accident' : 'an accident'
  test(`an error at work ${works} after one at ${before}: ${verdict}`, () => {
    const { state } = begin('friends')
    const record = Object.assign(recordOf(state, 'ann'), { erredAt: before, works })
    record.verifiedInARow = 5
    expect(noteError(record)).toBe(isAgain)
    expect(record).toMatchObject({ erredAt: works, verifiedInARow: 0 })
  })
}

for (const [trust, erredAt, inARow, rate, onTrial] of [
  ['friends', null, 0, 1, false],
  ['friends', null, 1, 1 / 4, false],
  ['friends', null, 3, 1 / 16, false],
  ['friends', null, 4, 0.05, false],
  ['friends', 1, 9, 1, true],
  ['friends', 1, 10, 1 / 10, false],
  ['friends', 1, 20, 1 / 20, false],
  ['friends', 1, 21, 0.05, false],
  ['strangers', null, 0, 1, true],
  ['strangers', null, 9, 1, true],
  ['strangers', null, 10, 1 / 10, false],
  ['strangers', null, 1000, 0.05, false],
] as const) {
  const past = erredAt === null ? '' : ', erred once'
  test(`${trust}: ${inARow} right in a row${past}: repeated at a rate of ${rate}`, () => {
    const { state } = begin(trust)
    Object.assign(recordOf(state, 'ann'), { erredAt, verifiedInARow: inARow })
    expect(fullRateOf(state, 'ann')).toBe(rate)
    expect(isOnTrial(state, 'ann')).toBe(onTrial)
  })
}
