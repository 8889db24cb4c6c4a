/**
 * A swarm of seeds, each with its own kinds of faults and its own crowd: whatever goes wrong,
 * every batch counts once, the journal gives the live state, and the run finishes afterwards. And
 * the reverse: wrong decisions, planted here, are found by the same checkers.
 */
import { expect, test } from 'vitest'
import { step as production } from '../../coordinator/step.ts'
import { drawFaults } from '../../simulations/faults.ts'
import { PRESETS } from '../../simulations/presets.ts'
import { runWith } from '../../simulations/run-settings.ts'
import { type SimulateOptions, simulate } from '../../simulations/simulator.ts'
import type { Step } from '../../simulations/world.ts'

/** Seeds that failed once, and why. */
const REGRESSIONS: readonly (readonly [number, string])[] = []
const SEEDS = Array.from({ length: 24 }, (_, index) => index + 1)
const HOUR = 1 / 24

const config = runWith({
  training: { batchesMax: 1200 },
  round: { seconds: 120, graceSeconds: 15, batchesMax: 64 },
})

function run(seed: number, changes: Partial<SimulateOptions> = {}) {
  const preset = PRESETS[seed % PRESETS.length]!
  return simulate({
    ...{ seed, config, crowds: [{ preset, volunteers: 12 }] },
    ...{ days: HOUR, daysToFinish: 4, faults: drawFaults(seed), checkEvery: 20 },
    ...changes,
  })
}

for (const [seed, why] of [...SEEDS.map((seed) => [seed, ''] as const), ...REGRESSIONS]) {
  test(`seed=${seed} holds and finishes ${why}`, () => {
    const { violations, finished, batches } = run(seed)
    expect({ violations, finished, batches }).toEqual({
      violations: [],
      finished: true,
      batches: 1200,
    })
  })
}

test('the same seed has the same trace digest twice, another seed another one', () => {
  expect(run(3).traceDigest).toBe(run(3).traceDigest)
  expect(run(3).traceDigest).not.toBe(run(4).traceDigest)
})

const doubleCount: Step = (state, event) => {
  const outcome = production(state, event)
  if (event.type === 'aggregated' && outcome.accepted) state.batchesCounted += 1
  return outcome
}

/** Forgotten with everything that knew of it, but for its batches. */
const lostLease: Step = (state, event) => {
  const outcome = production(state, event)
  const held = state.leases.get(7)
  if (held === undefined) return outcome
  state.leases.delete(7)
  state.round.outstanding -= held.steps
  const member = state.members.get(held.peer)
  if (member?.leaseId === 7) member.leaseId = null
  return outcome
}

const forgottenDeadline: Step = (state, event) => {
  const outcome = production(state, event)
  for (const held of state.leases.values()) if (held.leaseId === 7) held.deadlineAt = null
  return outcome
}

for (const [name, step] of [
  ['a double count', doubleCount],
  ['a lost lease', lostLease],
  ['a forgotten deadline', forgottenDeadline],
] as const) {
  test(`the checkers find ${name}`, () => {
    const { violations } = run(3, { step, daysToFinish: 0, checkEvery: 1 })
    expect(violations).not.toEqual([])
  })
}
