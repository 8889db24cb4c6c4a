/** Going back: the run stands where it stood when the round began that it goes back to. */
import { expect, test } from 'vitest'
import type { CoordinatorState } from '../../coordinator/state.ts'
import { startConversation } from './coordinator-language.ts'
import { checkedStep } from './invariants.ts'

const ROUNDS = 4

/** What must not depend on what happened since. */
function standing(state: CoordinatorState) {
  const { phase, round, parent, outerState, history, evaluations } = state
  const { batchesCounted, tokensCounted, takenBack } = state
  const { counted } = state.ledger
  const records = [...state.records].map(([peer, { credit }]) => ({ peer, credit }))
  const where = { phase, round, parent, outerState, history, evaluations, takenBack, counted }
  return structuredClone({ ...where, batchesCounted, tokensCounted, records })
}

/** Rounds of two leases each, all evaluated; `note` is called as each begins. */
function begin(note: (state: CoordinatorState) => void) {
  const { state, eventOf } = startConversation([
    {
      input: ['config delivered=ann,bob round.batchesMax=4 round.stepsMax=2 aggregation.gate=0.05'],
      output: '',
    },
  ])
  let at = 0
  const play = (...lines: string[]) => {
    for (const line of lines) {
      at += 1
      expect(checkedStep(state, eventOf(`${at} ${line}`)!).accepted, line).toBe(true)
    }
  }
  play('started', 'join ann', 'join bob', 'evaluated 0 4')
  const merge = () => {
    const { round } = state.round.start
    const [first, second] = [state.nextLeaseId, state.nextLeaseId + 1]
    play('lease ann 1000', 'lease bob 1000', `commit ann ${first} 2`, `stored ${first}`)
    play(`commit bob ${second} 2`, `stored ${second}`, `aggregated ${round}`)
    play(`evaluated ${round + 1} ${3 - round / 4}`)
  }
  for (let round = 0; round < ROUNDS; round++) {
    note(state)
    merge()
  }
  return { state, eventOf, play }
}

for (let round = 0; round < ROUNDS; round++) {
  test(`back to round ${round} of ${ROUNDS}`, () => {
    const stood: ReturnType<typeof standing>[] = []
    const { state, play } = begin((each) => stood.push(standing(each)))
    play(`rewind ${round}`)
    expect(standing(state)).toEqual(stood[round])
  })
}

test('there is no way forward', () => {
  const { state, eventOf } = begin(() => {})
  for (const round of [ROUNDS, ROUNDS + 1]) {
    expect(checkedStep(state, eventOf(`1000 rewind ${round}`)!).accepted).toBe(false)
  }
})

test('what was refused and what failed before says nothing of what comes', () => {
  const { state, play } = begin(() => {})
  const { nextLeaseId } = state
  const [first, second] = [nextLeaseId, nextLeaseId + 1]
  play('lease ann 1000', 'lease bob 1000', `commit ann ${first} 2`, `stored ${first}`)
  play(`commit bob ${second} 2`, `stored ${second}`, `aggregated ${ROUNDS} losses=2,3`)
  expect(state.refusedMerges).toEqual({ inARow: 1, total: 1 })
  play('lease ann 1000', `fail ann ${second + 1}`)
  expect(state.failures.size).toBe(1)
  play('rewind 2')
  expect(state.refusedMerges).toEqual({ inARow: 0, total: 1 })
  expect(state.failures.size).toBe(0)
})
