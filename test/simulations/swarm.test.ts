/**
 * A swarm of seeds, each with its own kinds of faults and its own crowd: whatever goes wrong,
 * every batch counts once, the journal gives the live state, and the run finishes afterwards.
 * `planted.test.ts` has the reverse.
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

const TRUSTS = ['everyone', 'friends', 'strangers'] as const

const configOf = (seed: number) =>
  runWith({
    training: { batchesMax: 1200 },
    round: { seconds: 120, graceSeconds: 15, batchesMax: 64 },
    audit: { trust: TRUSTS[seed % TRUSTS.length]! },
  })

function run(seed: number, changes: Partial<SimulateOptions> = {}) {
  const preset = PRESETS[seed % PRESETS.length]!
  return simulate({
    seed,
    config: configOf(seed),
    crowds: [{ preset, volunteers: 12 }],
    days: HOUR,
    daysToFinish: 4,
    faults: drawFaults(seed),
    checkEvery: 20,
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

test('a simulation answers no questions: the run hears so, and ends all the same', () => {
  const scoring = {
    rows: { digest: 'ab'.repeat(32), bytes: 1 },
    questions: 4,
    prompts: 0,
    contextTokens: 32,
    everyRounds: 2,
  }
  let asked = 0
  let missing = 0
  const { violations, finished } = run(3, {
    config: runWith({ scoring, training: { metric: 'acc', patience: 1 } }, configOf(3)),
    step: (state, event) => {
      const outcome = production(state, event)
      asked += outcome.effects.filter(({ type }) => type === 'score').length
      if (event.type === 'piece-scored' && outcome.accepted) missing += 1
      return outcome
    },
  })
  expect({ violations, finished }).toEqual({ violations: [], finished: true })
  expect(missing).toBeGreaterThan(0)
  expect(asked).toBeGreaterThanOrEqual(missing)
})

/** Strangers that come and go all the time, in rounds in which few prove themselves. */
const tabs = (step: Step = production) =>
  simulate({
    seed: 5,
    config: runWith({
      round: { seconds: 120, graceSeconds: 12, stepsMin: 4 },
      audit: { trust: 'strangers' },
    }),
    crowds: [{ preset: PRESETS.find(({ name }) => name === 'browser-tabs')!, volunteers: 24 }],
    days: 3 * HOUR,
    step,
  })

test('those who are not proven hold a fifth of a round where proven ones lead', () => {
  let waits = 0
  const { violations } = tabs((state, event) => {
    const outcome = production(state, event)
    for (const effect of outcome.effects) {
      if (effect.type !== 'reply' || effect.reply.type !== 'wait') continue
      if (/^newcomers have their share/.test(effect.reply.reason)) waits += 1
    }
    return outcome
  })
  expect(violations).toEqual([])
  expect(waits, 'somebody was held back').toBeGreaterThan(0)
})

/** Nobody counts what newcomers have. */
const uncountedNewcomers: Step = (state, event) => {
  state.derived.tally.newcomers = 0
  return production(state, event)
}

test('the checkers find newcomers that hold more', () => {
  const { violations } = tabs(uncountedNewcomers)
  expect(violations).toEqual([expect.stringMatching(/^newcomers hold \d+ of \d+ batches/)])
})
