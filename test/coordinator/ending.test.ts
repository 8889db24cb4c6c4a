/** When a run is over, and when nothing of it is left to do. */
import { expect, test } from 'vitest'
import { endingOf, isDone } from '../../coordinator/ending.ts'
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
