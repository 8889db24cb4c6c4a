/** When a run is over, and when nothing of it is left to do. */
import { expect, test } from 'vitest'
import { endedBy, endingOf, isDone } from '../../coordinator/ending.ts'
import type { Phase } from '../../coordinator/phases.ts'
import { initialState } from '../../coordinator/state.ts'
import { ROUNDS_MAX } from '../../protocol/limits.ts'
import { runIdOf } from '../../protocol/run-config.ts'
import { digestOfText, exampleConfig, PAYLOAD_BYTES } from '../protocol/example-config.ts'

function stateOf(roundsMax: number | null, batchesCounted: number, round: number) {
  const config = exampleConfig({ training: { batchesMax: 24, roundsMax } })
  const options = { base: digestOfText('base'), payloadBytes: PAYLOAD_BYTES }
  const state = initialState(config, runIdOf(config), options)
  state.round.start = { ...state.round.start, round }
  return Object.assign(state, { batchesCounted })
}

const LIMIT = 'is reached, with 23 of 24 batches counted'
for (const [roundsMax, batches, round, ending] of [
  [10, 0, 0, null],
  [10, 23, 9, null],
  [10, 24, 9, 'all 24 batches are counted'],
  [10, 24, 10, 'all 24 batches are counted'],
  [10, 23, 10, `the limit of rounds (10) ${LIMIT}`],
  [null, 23, ROUNDS_MAX - 1, null],
  [null, 23, ROUNDS_MAX, `the limit of rounds (${ROUNDS_MAX}) ${LIMIT}`],
] as const) {
  test(`${batches} of 24 batches in ${round} of ${roundsMax ?? 'any'} rounds: ${ending}`, () => {
    expect(endingOf(stateOf(roundsMax, batches, round))).toBe(ending)
  })
}

/** Losses of the base and of each round. */
function measured(losses: readonly number[], patience: number | null) {
  const state = stateOf(null, 0, losses.length)
  const evaluations = losses.map((loss, round) => ({ round, loss }))
  const training = { ...state.config.training, ...(patience === null ? {} : { patience }) }
  return Object.assign(state, { evaluations, config: { ...state.config, training } })
}

const FLAT = 'the held-out loss has not fallen for'
for (const [what, losses, patience, ending] of [
  ['no loss yet', [], 1, null],
  ['that of the base alone', [3], 1, null],
  ['one that falls', [3, 2.5, 2], 1, null],
  ['one that rises', [3, 2, 2.1], 1, `${FLAT} 1 round`],
  ['one that stands', [3, 2, 2, 2], 2, `${FLAT} 2 rounds`],
  ['one that falls again in time', [3, 2, 2.1, 1.9, 2], 2, null],
  ['one that never fell', [3, 3.1, 3.2], 2, `${FLAT} 2 rounds`],
  ['one that rises, and nobody who minds', [3, 2, 2.1, 2.2, 2.3], null, null],
] as const) {
  test(`a run of patience ${patience} and ${what}: ${ending}`, () => {
    expect(endingOf(measured(losses, patience))).toBe(ending)
  })
}

test('a loss that comes when a run is over, and is the best, leaves it over', () => {
  expect(endedBy(measured([3, 2, 2.1, 1.9], 1))).toBe('the held-out loss had stopped falling')
  expect(endedBy(stateOf(10, 24, 9))).toBe('all 24 batches are counted')
})

const pending = { round: 1, adapter: digestOfText('adapter'), checkpoint: null }
for (const [phase, evaluationsPending, isCoinPublished, expected] of [
  ['finished', [], true, true],
  ['finished', [], false, false],
  ['finished', [pending], true, false],
  ['training', [], true, false],
  ['training', [], false, false],
] as const) {
  const left = evaluationsPending.length
  const coin = isCoinPublished ? 'published' : 'kept'
  test(`${phase}, ${left} evaluations to come, the coin ${coin}: ${expected}`, () => {
    const state = stateOf(null, 24, 1)
    const standing = { phase: phase as Phase, isCoinPublished }
    Object.assign(state, standing, { evaluationsPending: [...evaluationsPending] })
    expect(isDone(state)).toBe(expected)
  })
}
