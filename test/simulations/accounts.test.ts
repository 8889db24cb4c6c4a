/** All time that somebody is online has a cause, whatever becomes of the rounds. */
import { expect, test } from 'vitest'
import { createAccounts } from '../../simulations/accounts.ts'
import { createCheckers } from '../../simulations/checkers.ts'
import { prepareSimulation } from '../../simulations/index.ts'
import { PRESETS } from '../../simulations/presets.ts'
import { parseTrace } from '../../simulations/traces/parse-trace.ts'

const HOUR_MS = 3_600_000
const REQUEST = { seed: 1, volunteers: 12, swarm: false, config: null, trace: null, preset: '' }

function run(changes: Partial<Parameters<typeof prepareSimulation>[0]>) {
  const result = prepareSimulation({ ...REQUEST, days: 1 / 24, set: [], ...changes }).run(() => {})
  expect(result.violations).toEqual([])
  return result
}

const runTrace = (lines: string, hours: number, seconds: number) =>
  run({
    trace: parseTrace(`volunteer,start,end,how,step_ms\n${lines}`, { file: 'test' }).rows,
    days: hours / 24,
    set: [`round.seconds=${seconds}`, 'faults.requestLoss=0', 'faults.partitions=0'],
  })

for (const [what, lines, hours] of [
  ['one who stays', 'ann,0,18000,vanish,9000', 5],
  ['one who stays longer than the simulation', 'ann,0,36000,vanish,9000', 5],
  ['one who vanishes', 'ann,0,7200,vanish,9000', 2],
  ['one who is killed', 'ann,0,7200,crash,9000', 2],
  ['one who sleeps twice', 'ann,0,3600,sleep,9000\nann,7200,10800,sleep,9000', 2],
  ['three, of whom one comes late', 'ann,0,7200\nben,0,3600\neve,14400,18000', 4],
] as const) {
  for (const [rounds, seconds] of [
    ['rounds', 600],
    ['one round that never ends', 86_400],
  ] as const) {
    test(`${what}, in ${rounds}: each hour has a cause`, () => {
      const { totals, rounds: merged } = runTrace(lines, 5, seconds)
      expect(totals.online / HOUR_MS).toBeCloseTo(hours, 3)
      const caused = Object.values(totals.waste).reduce((sum, ms) => sum + ms, totals.counted)
      expect(caused).toBeCloseTo(totals.online, 0)
      expect(merged === 0).toBe(seconds === 86_400)
    })
  }
}

test('where nothing is merged, what was trained is unfinished and nothing counts', () => {
  const { totals, goodput } = runTrace('ann,0,18000,vanish,9000', 5, 86_400)
  expect(goodput).toBe(0)
  expect(totals.counted).toBe(0)
  expect(totals.waste.unfinished / totals.online).toBeGreaterThan(0.9)
})

test('an open round counts as unfinished, not against what was merged before', () => {
  const { goodput, goodputMerged, totals } = runTrace('ann,0,18000,vanish,9000', 1.45, 3600)
  expect(totals.waste.unfinished / totals.online).toBeGreaterThan(0.2)
  expect(goodput).toBeLessThan(0.75)
  expect(goodputMerged).toBeGreaterThan(0.9)
})

for (const { name: preset } of PRESETS) {
  test(`${preset}, with faults of every kind and attackers: no violation`, () => {
    run({ preset, volunteers: 5, swarm: true, set: ['round.seconds=300'] })
    run({
      preset,
      volunteers: 5,
      attack: 'withholder:0.2,sybils:0.2',
      set: ['audit.trust=strangers'],
    })
  })
}

test('a lease whose work is refused and trained again is booked both times', () => {
  const accounts = createAccounts()
  accounts.done(7, 1, 1000, () => false)
  accounts.done(7, 1, 500, () => false)
  accounts.count(7)
  const { online, counted, waste } = accounts.atEnd()
  expect([online, counted, waste.failed]).toEqual([1500, 500, 1000])
})

test('the checker finds time that has no cause, and causes that took no time', () => {
  const waste = { waiting: 0, loading: 0, auditing: 0, departed: 0, late: 0, failed: 0 }
  for (const [online, onlineMs, found] of [
    [1000, 1000, []],
    [1000, 1000.9, []],
    [1000, 1002, ['1000 ms online have a cause, of 1002 (at 0 ms)']],
    [0, 1000, ['0 ms online have a cause, of 1000 (at 0 ms)']],
  ] as const) {
    const checkers = createCheckers(() => 0)
    checkers.accounts({ online, counted: online, waste: { ...waste, unfinished: 0 } }, onlineMs)
    expect(checkers.violations).toEqual(found)
  }
  const checkers = createCheckers(() => 0)
  checkers.accounts({ online: 0, counted: 9, waste: { ...waste, unfinished: -9 } }, 0)
  expect(checkers.violations).toEqual(['-9 ms of time are unfinished (at 0 ms)'])
})
