/** What a run tells of itself as it goes: a line for what happened, and how many are here. */
import { expect, test } from 'vitest'
import { type Progress, progressOf, standingOf } from '../../node/history/progress.ts'
import { createCrowd } from '../dashboard/crowd.ts'
import { playTranscript } from './transcript-events.ts'

function toldIn(name: string): Progress[] {
  const told: Progress[] = []
  playTranscript(name, {
    onEvent: ({ model }, { facts }) => {
      for (const fact of facts) {
        const progress = progressOf(fact, model.run)
        if (progress !== null) told.push(progress)
      }
    },
  })
  return told
}

/** Each kind by its name and the figures that a reader looks at. */
function wordsOf(fact: Progress): string {
  switch (fact.type) {
    case 'joined':
    case 'away':
      return `${fact.name} ${fact.type}, ${fact.here} here`
    case 'leased':
    case 'committed':
      return `${fact.name} ${fact.type} ${fact.steps}`
    case 'counted':
      return `${fact.name} counted ${fact.tokens}`
    case 'refused':
    case 'revoked':
      return `${fact.name} ${fact.type}: ${fact.reason}`
    case 'round':
      return `round ${fact.round} merged`
    case 'evaluated':
      return `round ${fact.round} evaluated ${fact.loss}, ${fact.generalLoss}`
    default:
      return fact.type
  }
}

for (const [name, expected] of [
  [
    'coordinator-evaluation.txt',
    [
      'round 0 evaluated 4, 3.6',
      'ann joined, 1 here',
      'ann leased 4',
      'ann committed 4',
      'ann counted 40',
      'ann leased 4',
      'ann committed 4',
      'ann counted 40',
      'round 1 merged',
      'finished',
      'round 1 evaluated 3.5, 4.2',
    ],
  ],
  [
    'coordinator-death.txt',
    [
      'ann joined, 1 here',
      'bob joined, 2 here',
      'ann leased 6',
      'bob leased 3',
      'ann away, 1 here',
      'bob committed 3',
      'bob counted 30',
      'bob leased 3',
      'ann revoked: stayed away',
      'bob committed 3',
      'bob counted 30',
      'bob leased 6',
      'ann refused: join first',
      'ann joined, 2 here',
      'ann refused: lease 0 has expired',
      'bob committed 6',
      'bob counted 60',
      'round 1 merged',
      'bob leased 6',
      'bob revoked: enough for today',
      'bob away, 1 here',
    ],
  ],
] as const) {
  test(`${name} is told fact by fact`, () => {
    expect(toldIn(name).map(wordsOf)).toEqual(expected)
  })
}

test('everybody who is here is counted, however many there are', () => {
  const { run } = createCrowd(70).model
  expect(standingOf(run).here).toBe(70)
})
