/** Scores: how many are kept in a status, and what a restarted process asks for again. */
import { expect, test } from 'vitest'
import { pendingEffects } from '../../coordinator/pending.ts'
import { askForScores, onPieceScored } from '../../coordinator/scores.ts'
import { initialState } from '../../coordinator/state.ts'
import { statusOf } from '../../coordinator/status.ts'
import { SCORE_MS_MAX } from '../../protocol/limits.ts'
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
    const effects = askForScores(state, adapterOf(round), 0, isLast)
    const all = { first: 0, rows: SCORING.questions + SCORING.prompts }
    expect(effects).toEqual(isAsked ? [{ type: 'score', ...adapterOf(round), ...all }] : [])
    expect(pendingEffects(state)).toEqual(effects)
    expect(askForScores(stateOf({}, false), adapterOf(round), 0, isLast)).toEqual([])
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

test('what is not done in half an hour is given up, and counted', () => {
  const state = stateOf({})
  state.config.scoring!.asked = blobNamed('asked')
  const about = adapterOf(0)
  askForScores(state, about, 0)
  const { round, adapter } = about
  const piece = { type: 'piece-scored', round, adapter, first: 0, reason: null } as const
  state.scoresPending[0]!.pieces.push({ first: 6, rows: 1, out: [], outcomes: null })
  const outcomes = Array.from({ length: 6 }, () => [0, 0])
  state.scoresPending[0]!.own = 0
  const { effects } = onPieceScored(state, { ...piece, at: SCORE_MS_MAX + 1, outcomes })
  const text =
    'no scores of the adapter before round 1, as they take more than 30 minutes: give fewer ' +
    'rows; 1 missing in this run so far'
  expect(effects).toEqual([{ type: 'log', level: 'warn', text }])
  expect(state.scoresPending).toEqual([])
})

test('a run without questions says nothing of scores', () => {
  expect(statusOf(stateOf({}, false))).not.toHaveProperty('scores')
})
