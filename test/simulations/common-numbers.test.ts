/**
 * Whatever the policy, the same volunteers come: their sessions, machines, links and the faults
 * that strike them are those of the seed.
 */
import { expect, test } from 'vitest'
import { attacksOf } from '../../simulations/attack-settings.ts'
import { churnOf, type Session } from '../../simulations/churn.ts'
import { PRESETS } from '../../simulations/presets.ts'
import { settingsWith } from '../../simulations/settings.ts'
import { type SimulateOptions, simulate } from '../../simulations/simulator.ts'

const HOUR_MS = 3_600_000
const HOURS = 0.5
const KILLS = ['faults.kills=4', 'faults.diskLoss=0.5', 'faults.crashes=1', 'faults.swizzles=2']

/** Two policies that differ in how many leases there are, how long they are, and who audits. */
const POLICIES = [
  ['round.seconds=300', 'round.stepsMax=2', 'round.graceSeconds=30', 'audit.trust=strangers'],
  ['round.seconds=1200', 'round.stepsMax=64', 'round.graceSeconds=180', 'audit.trust=everyone'],
]

function observe(presetName: string, policy: string[], changes: Partial<SimulateOptions> = {}) {
  const preset = PRESETS.find(({ name }) => name === presetName)!
  const sessions: string[] = []
  const churn = churnOf(3, [{ preset, volunteers: 4 }], HOURS * HOUR_MS)
  const { traceDigest, failures } = simulate({
    ...settingsWith([...policy, ...KILLS]),
    seed: 3,
    crowds: [],
    days: HOURS / 24,
    churn: {
      start: (queue, onSession) =>
        churn.start(queue, (session) => {
          sessions.push(wordsOf(session))
          onSession(session)
        }),
    },
    ...changes,
  })
  const faults = ['partition', 'swizzle', 'coordinator killed'].map((name) => failures.get(name))
  return { sessions, faults, traceDigest, failures }
}

function wordsOf({ host, ...session }: Session): string {
  const { index, stepMs, up, down, latencyMs, isRelayed, region } = host
  return JSON.stringify([{ index, stepMs, up, down, latencyMs, isRelayed, region }, session])
}

for (const { name } of PRESETS) {
  test(`${name}: all sessions are the same under two policies, and among attackers`, () => {
    const attacks = attacksOf('noise:0.4,withholder:0.4')
    const [one, other] = POLICIES.map((policy) => observe(name, policy))
    const attacked = observe(name, POLICIES[0]!, { attacks })
    expect(one!.sessions.length).toBeGreaterThan(0)
    expect(other!.sessions).toEqual(one!.sessions)
    expect(attacked.sessions).toEqual(one!.sessions)
    expect([other!.faults, attacked.faults]).toEqual([one!.faults, one!.faults])
    expect(other!.traceDigest, 'the policies differ').not.toBe(one!.traceDigest)
  })
}

test('machines that never leave are killed at the same times', () => {
  const kills = POLICIES.map((policy) => {
    const { failures } = observe('data-centre-stable', policy)
    return [failures.get('volunteer killed'), failures.get('volunteer killed, disk lost')]
  })
  expect(kills[0]![0]).toBeGreaterThan(0)
  expect(kills[1]).toEqual(kills[0])
})
