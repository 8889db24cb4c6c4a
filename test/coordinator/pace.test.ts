/** How fast a volunteer is believed to be: as what it delivered bears out, once it was right. */
import { expect, test } from 'vitest'
import { restore, snapshot } from '../../coordinator/snapshot.ts'
import { step } from '../../coordinator/step.ts'
import { startConversation } from './coordinator-language.ts'

const FRIENDS = 'config audit.trust=friends audit.ownShare=1 training.batchesMax=400 delivered=ann'

/** The state after these lines, which all change it. */
function after(...lines: string[]) {
  const { state, eventOf } = startConversation([{ input: lines, output: '' }])
  for (const line of lines.slice(1)) step(state, eventOf(line)!)
  return state
}

const LEASE = ['0 started', '10 join ann', '20 join bob', '1000 lease ann 1']

for (const [what, trust, ends, paceMs] of [
  ['of one that was never found right, nothing', 'friends', ['draw=none', '14000 stored 0'], null],
  ['as its time allows: a third of it', 'everyone', ['draw=none', '14000 stored 0'], 1000],
  ['nothing before the payload is here', 'everyone', ['draw=none'], null],
] as const) {
  test(`a step of 1 ms, four of which took 12 seconds, is believed: ${what}`, () => {
    const [draw, ...rest] = ends
    const config = FRIENDS.replace('friends', trust)
    const state = after(config, ...LEASE, `13000 commit ann 0 4 ${draw}`, ...rest)
    expect(state.members.get('ann')!.paceMs).toBe(paceMs)
    // The sum of all is that of a state that was read anew.
    expect(restore(snapshot(state)).derived.pace).toEqual(state.derived.pace)
  })
}

const PROVEN = `${FRIENDS} proven=ann,bob`
const DELIVERED = [...LEASE, '13000 commit ann 0 4 draw=none', '13010 stored 0']

test('what it lets lapse, or does wrong, takes the belief away', () => {
  expect(after(PROVEN, ...DELIVERED).members.get('ann')!.paceMs).toBe(1000)
  const lapsed = after(PROVEN, ...DELIVERED, '13020 lease ann 1', '60000 tick')
  expect(lapsed.members.get('ann')!.paceMs).toBe(null)
  const wrong = after(
    PROVEN,
    ...DELIVERED,
    '13020 lease ann 1',
    '14000 commit ann 1 4 draw=full bad=1',
    '14010 stored 1',
    '14020 lease bob 1',
    '15000 audit bob 2',
    '15100 audited 2',
  )
  expect(wrong.records.get('ann')).toMatchObject({ erredAt: expect.any(Number) })
  expect(wrong.members.get('ann')!.paceMs).toBe(null)
})

test('whoever is free and does not come for an audit is drawn last', () => {
  const drawn = [...DELIVERED, '20000 lease bob 1', '24000 commit bob 1 4 draw=full']
  const assigned = after(PROVEN, ...drawn)
  expect(assigned.audits.get(2)).toMatchObject({ stage: 'assigned', auditor: 'ann' })
  expect(assigned.members.get('ann')!.paceMs).toBe(1000)
  const ignored = after(PROVEN, ...drawn, '34000 tick')
  expect(ignored.members.get('ann')!.paceMs).toBe(null)
})

for (const [what, at, isOnTrial] of [
  ['as fast as the others', '33000', false],
  ['in no time', '29010', true],
] as const) {
  test(`what is done ${what} counts ${isOnTrial ? 'once it was repeated' : 'at once'}`, () => {
    const crowd = `${FRIENDS} proven=ann,bob,cy,dee`
    const others = ['ann', 'bob', 'cy'].flatMap((peer, i) => [
      `${1000 + i} lease ${peer} 1000`,
      `${5000 + i} commit ${peer} ${i} 2 draw=none`,
      `${6000 + i} stored ${i}`,
    ])
    const joins = ['ann', 'bob', 'cy', 'dee'].map((peer, i) => `${10 + i} join ${peer}`)
    const timeOf = (line: string) => Number.parseInt(line, 10)
    const order = others.sort((a, b) => timeOf(a) - timeOf(b))
    const lease = ['29000 lease dee 1', `${at} commit dee 3 1 draw=none`]
    const state = after(crowd, '0 started', ...joins, ...order, ...lease)
    expect(state.leases.get(3)).toMatchObject({ peer: 'dee', stage: 'committed', isOnTrial })
  })
}
