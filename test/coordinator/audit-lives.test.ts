/**
 * What audits find and what they cost: the real state machine over many lives, against the formula
 * of the draws. `test/studies/audits.ts` asks the same of more of them.
 */
import { expect, test } from 'vitest'
import { recordOf } from '../../coordinator/record.ts'
import { auditedRun, caughtAfter, LEASE_STEPS } from './audit-lives.ts'

const HELPERS = Array.from({ length: 12 }, (_, index) => `helper ${index}`)

function runWithHelpers(trust: 'friends' | 'strangers', seed: number) {
  const run = auditedRun(trust, seed)
  for (const peer of HELPERS) {
    run.join(peer)
    recordOf(run.state, peer).verifiedInARow = 30
  }
  return run
}

for (const [lie, within, share] of [
  ['fabricated', 15, 0.98],
  ['one step', 50, 0.9],
  ['last step', 50, 0.87],
] as const) {
  for (const trust of ['friends', 'strangers'] as const) {
    test(`${trust}: ${lie} is caught within ${within} with at least ${share}`, () => {
      const lives = 200
      const run = runWithHelpers(trust, 7)
      let caught = 0
      for (let life = 0; life < lives; life++) {
        const after = caughtAfter(run, `liar ${life}`, { lie, countMax: within, inARow: 30 })
        if (after !== null) caught += 1
      }
      expect(caught / lives).toBeGreaterThanOrEqual(share)
      for (const peer of HELPERS) expect(recordOf(run.state, peer).erredAt).toBe(null)
    })
  }
}

for (const trust of ['friends', 'strangers'] as const) {
  test(`${trust}: a newcomer that lies is found by its first contribution`, () => {
    const run = runWithHelpers(trust, 1)
    for (const lie of ['fabricated', 'one step', 'last step'] as const) {
      expect(caughtAfter(run, lie, { lie, countMax: 1, inARow: 0 })).toBe(1)
    }
  })

  test(`${trust}: leases of 32 steps cost at most 5.5 %, over the first 200 9 %`, () => {
    const steady = runWithHelpers(trust, 3)
    for (let turn = 0; turn < 300; turn++) for (const peer of HELPERS) steady.contribute(peer)
    const { trained, repeated } = steady.counts
    expect(repeated / trained).toBeLessThan(0.055 + 3 * spread(trained))
    const first = runWithHelpers(trust, 4)
    for (let life = 0; life < 10; life++) {
      first.join(`newcomer ${life}`)
      for (let turn = 0; turn < 200; turn++) first.contribute(`newcomer ${life}`)
    }
    expect(first.counts.repeated / first.counts.trained).toBeLessThan(0.09)
    expect(steady.state.auditCounts.mismatches + first.state.auditCounts.mismatches).toBe(0)
  })
}

/** Standard deviation of the share that full audits cost. */
function spread(trained: number): number {
  return Math.sqrt((0.045 * 0.955) / (trained / LEASE_STEPS))
}
