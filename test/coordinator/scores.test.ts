/** Scores: how many are kept in a status, and what a restarted process asks for again. */
import { expect, test } from 'vitest'
import { pendingEffects } from '../../coordinator/pending.ts'
import { askForScores } from '../../coordinator/scores.ts'
import { initialState } from '../../coordinator/state.ts'
import { statusOf } from '../../coordinator/status.ts'
import { type RunConfig, runIdOf } from '../../protocol/run-config.ts'
import {
  blobNamed,
  digestOfText,
  exampleConfig,
  PAYLOAD_BYTES,
} from '../protocol/example-config.ts'

const SCORING = {
  rows: blobNamed('rows'),
  questions: 4,
  prompts: 2,
  contextTokens: 32,
  everyRounds: 3,
}

function stateOf(training: Partial<RunConfig['training']>, scoring = true) {
  const config = exampleConfig({ training, ...(scoring ? { scoring: SCORING } : {}) })
  const options = { base: digestOfText('base'), payloadBytes: PAYLOAD_BYTES }
  return initialState(config, runIdOf(config), options)
}

const adapterOf = (round: number) => ({
  round,
  adapter: digestOfText(`adapter ${round}`),
  checkpoint: blobNamed(`adapter ${round}`),
})

for (const [round, isLast, isAsked] of [
  [0, false, true],
  [1, false, false],
  [3, false, true],
  [4, true, true],
] as const) {
  test(`round ${round}${isLast ? ', the last,' : ''} is ${isAsked ? '' : 'not '}scored`, () => {
    const state = stateOf({})
    const effects = askForScores(state, adapterOf(round), isLast)
    expect(effects).toEqual(isAsked ? [{ type: 'score', ...adapterOf(round) }] : [])
    expect(pendingEffects(state)).toEqual(effects)
    expect(askForScores(stateOf({}, false), adapterOf(round), isLast)).toEqual([])
  })
}

for (const [metric, best] of [
  [undefined, 5],
  ['acc_norm', 7],
  ['exact_match', 9],
] as const) {
  test(`a status keeps the first scores, the best by ${metric ?? 'acc'}, the latest`, () => {
    const state = stateOf(metric === undefined ? {} : { metric })
    state.scores = Array.from({ length: 100 }, (_, round) => ({
      round,
      acc: round === 5 ? 1 : 0.5,
      accNorm: round === 7 ? 1 : 0.5,
      exactMatch: round === 9 ? 1 : 0.5,
    }))
    const { scores = [], metric: told } = statusOf(state)
    expect(told).toBe(metric)
    expect(scores.map(({ round }) => round).slice(0, 3)).toEqual([0, best, 38])
    expect([scores.length, scores.at(-1)!.round]).toEqual([64, 99])
  })
}

test('a run without questions says nothing of scores', () => {
  expect(statusOf(stateOf({}, false))).not.toHaveProperty('scores')
})
