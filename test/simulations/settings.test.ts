/** What `barnraise simulate` is told, and that what it prints as a replay is one. */
import { expect, test } from 'vitest'
import { prepareSimulation, wasteShares } from '../../simulations/index.ts'
import { crowdsOf, settingsWith } from '../../simulations/settings.ts'

for (const [text, expected] of [
  ['seti-like', [['seti-like', 40]]],
  [
    'browser-tabs:3,phones-wifi:1',
    [
      ['browser-tabs', 30],
      ['phones-wifi', 10],
    ],
  ],
] as const) {
  test(`40 volunteers of ${text}`, () =>
    expect(crowdsOf(text, 40).map((one) => [one.preset.name, one.volunteers])).toEqual(expected))
}

for (const text of ['nobody', 'seti-like:0', 'seti-like:x', 'seti-like:1:2', 'seti-like,']) {
  test(`no crowd is ${text}`, () => expect(() => crowdsOf(text, 4)).toThrow(/'preset' must be/))
}

test('settings reach the run, the faults and the world', () => {
  const { config, faults, world } = settingsWith([
    'round.seconds=300',
    'faults.kills=2',
    'world.linkMbit=50',
    'audit.trust=strangers',
    'audit.lookShare=0.5',
    'admission.blockMembersMax=2',
  ])
  expect([config.round.seconds, faults.kills, world.linkMbit]).toEqual([300, 2, 50])
  expect(config.admission.blockMembersMax).toBe(2)
  expect(config.audit).toMatchObject({ trust: 'strangers', lookShare: 0.5 })
})

test('whose work is audited is one of three words', () =>
  expect(() => settingsWith(['audit.trust=nobody'])).toThrow(/must be one of/))

for (const change of ['round.nothing=1', 'name=1', 'round.seconds=', 'base.name=2', 'a.b=1']) {
  test(`no setting is ${change}`, () => expect(() => settingsWith([change])).toThrow(/'set' must/))
}

test('the same request gives the same trace, and time is accounted for', () => {
  const request = {
    seed: 5,
    preset: 'browser-tabs:1,seti-like:1',
    volunteers: 8,
    days: 0.05,
    set: ['round.seconds=120'],
    swarm: true,
    trace: null,
    config: null,
  }
  const [a, b] = [0, 1].map(() => prepareSimulation(request).run(() => {}))
  expect(a!.traceDigest).toBe(b!.traceDigest)
  const shares = Object.values(wasteShares(a!.totals)).reduce(
    (sum, share) => sum + share,
    a!.goodput,
  )
  expect(shares).toBeCloseTo(1, 9)
})
