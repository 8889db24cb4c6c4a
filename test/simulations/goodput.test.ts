/**
 * How much of the volunteers' time counts, with the settings that docs/simulate.md gives for each
 * kind of crowd. The bars are those below which a change of the state machine has made it worse.
 */
import { expect, test } from 'vitest'
import { crowdsOf, settingsWith } from '../../simulations/settings.ts'
import { simulate } from '../../simulations/simulator.ts'

/** The run ends with its fourth round, an hour and a half each: nothing is left open. */
const DAYS = 0.3

for (const [preset, bar, stepsMax, graceSeconds] of [
  ['seti-like', 0.95, 64, 60],
  ['evening-laptops', 0.92, 64, 60],
  ['browser-tabs', 0.88, 32, 60],
  ['phones-wifi', 0.75, 8, 180],
  ['flash-crowd', 0.85, 16, 180],
] as const) {
  const run = (trust: 'everyone' | 'friends') => {
    const settings = settingsWith([
      'round.seconds=5400',
      'training.roundsMax=4',
      `round.stepsMax=${stepsMax}`,
      `round.graceSeconds=${graceSeconds}`,
    ])
    const { audit } = settings.config
    const config = { ...settings.config, audit: { ...audit, trust } }
    const crowds = crowdsOf(preset, 64)
    const result = simulate({ ...settings, config, crowds, seed: 1, days: DAYS })
    expect(result.violations).toEqual([])
    expect(result.finished).toBe(true)
    expect(result.totals.waste.unfinished).toBe(0)
    return result
  }

  test(`${preset}: at least ${bar} of the time counts, less what audits take`, () => {
    const unaudited = run('everyone')
    expect(unaudited.goodput).toBeGreaterThanOrEqual(bar)
    const { goodput, auditShare, audits } = run('friends')
    expect(unaudited.goodput - goodput).toBeLessThanOrEqual(auditShare)
    expect(audits.mismatches).toBe(0)
  })
}
