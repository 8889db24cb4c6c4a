/** A simulation of which nothing can be told ends its command, in words. */
import { expect, test } from 'vitest'
import { CommandFailure } from '../../node/cli/failure.ts'
import { failIfUseless } from '../../node/cli/simulate-words.ts'
import type { SimulationResult } from '../../simulations/index.ts'
import { crowdsOf, settingsWith } from '../../simulations/settings.ts'
import { simulate } from '../../simulations/simulator.ts'

function simulated(days: number, ...set: string[]): SimulationResult {
  const settings = settingsWith(set)
  return simulate({ ...settings, crowds: crowdsOf('data-centre-stable', 4), seed: 1, days })
}

test('where no round was merged, it says how much time went into the first, and what to do', () => {
  const useless = simulated(0.05, 'round.seconds=36000')
  expect(useless.rounds).toBe(0)
  const fail = () => failIfUseless([useless])
  expect(fail).toThrow(CommandFailure)
  expect(fail).toThrow(/^No round was merged: of \d+\.\d h online, .* % were for the first round/)
  const useful = simulated(0.05, 'round.seconds=300')
  expect(() => failIfUseless([useful])).not.toThrow()
  expect(() => failIfUseless([useful, useless])).toThrow('in 1 of 2 simulations')
})

test('where something did not hold, that is said first', () => {
  const violated = { ...simulated(0.05, 'round.seconds=36000'), violations: ['a batch is lost'] }
  expect(() => failIfUseless([violated])).toThrow('Something did not hold')
})
