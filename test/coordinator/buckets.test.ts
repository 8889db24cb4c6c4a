/** How long who has to wait that came, or failed, so often. */
import { expect, test } from 'vitest'
import {
  forgive,
  noteComing,
  noteFailure,
  waitToComeMs,
  waitToWorkMs,
} from '../../coordinator/patience.ts'
import { initialState } from '../../coordinator/state.ts'
import { runIdOf } from '../../protocol/run-config.ts'
import { digestOfText, exampleConfig, PAYLOAD_BYTES } from '../protocol/example-config.ts'

const config = exampleConfig()
const newState = () =>
  initialState(config, runIdOf(config), { base: digestOfText('base'), payloadBytes: PAYLOAD_BYTES })

for (const [times, laterMs, waitMs] of [
  [0, 0, 0],
  [19, 0, 0],
  [20, 0, 60_000],
  [20, 1, 59_999],
  [20, 45_000, 15_000],
  [20, 60_000, 0],
  [25, 0, 360_000],
  [25, 600_000, 0],
] as const) {
  test(`after ${times} times, ${laterMs} ms later: ${waitMs} ms`, () => {
    const [comes, fails] = [newState(), newState()]
    for (let time = 0; time < times; time++) {
      noteComing(comes, { peer: 'ann', at: 1_000 })
      noteFailure(fails, 'ann', 1_000)
    }
    const at = 1_000 + laterMs
    for (const state of [comes, fails]) {
      expect(waitToComeMs(state, { peer: 'ann', at })).toBe(waitMs)
      expect(waitToWorkMs(state, 'ann', at)).toBe(waitMs)
      expect(waitToWorkMs(state, 'bob', at)).toBe(0)
    }
    forgive(comes, 'ann')
    expect(waitToComeMs(comes, { peer: 'ann', at })).toBe(0)
  })
}

test('what leaks in between makes room again', () => {
  const state = newState()
  for (let time = 0; time < 20; time++) noteFailure(state, 'ann', 0)
  noteFailure(state, 'ann', 90_000)
  // Twenty, less one and a half, and one more.
  expect(state.patience.peers.get('ann')).toEqual({ level: 19.5, at: 90_000 })
  expect(waitToWorkMs(state, 'ann', 90_000)).toBe(30_000)
})

test('new ones of one place wait for each other, and nobody else does', () => {
  const state = newState()
  for (let pupil = 0; pupil < 256; pupil++) {
    expect(waitToComeMs(state, { peer: `${pupil}`, origin: 'school', at: 0 })).toBe(0)
    noteComing(state, { peer: `${pupil}`, origin: 'school', at: 0 })
  }
  const waitOf = (peer: string, origin?: string) =>
    waitToComeMs(state, origin === undefined ? { peer, at: 250 } : { peer, origin, at: 250 })
  expect(waitOf('new', 'school')).toBe(750)
  // Known already, from elsewhere, or from nowhere that is known.
  expect([waitOf('7', 'school'), waitOf('new', 'home'), waitOf('new')]).toEqual([0, 0, 0])
  // Coming again takes nothing from the others of its place.
  noteComing(state, { peer: '7', origin: 'school', at: 250 })
  expect(waitOf('new', 'school')).toBe(750)
  // The longer of the two waits holds.
  for (let time = 0; time < 20; time++) noteFailure(state, 'eve', 250)
  state.patience.peers.delete('7')
  expect([waitOf('eve', 'school'), waitOf('7', 'school')]).toEqual([60_000, 750])
})

test('empty buckets go, oldest first, and no others', () => {
  const state = newState()
  noteFailure(state, 'ann', 0)
  noteFailure(state, 'bob', 0)
  noteFailure(state, 'bob', 0)
  noteFailure(state, 'cy', 30_000)
  noteFailure(state, 'dan', 60_000)
  expect([...state.patience.peers.keys()]).toEqual(['bob', 'cy', 'dan'])
  noteFailure(state, 'dan', 120_000)
  expect([...state.patience.peers.keys()]).toEqual(['dan'])
})

test('whoever comes again is among the latest', () => {
  const state = newState()
  noteFailure(state, 'ann', 0)
  noteFailure(state, 'bob', 30_000)
  noteFailure(state, 'ann', 45_000)
  noteFailure(state, 'cy', 90_000)
  expect([...state.patience.peers.keys()]).toEqual(['ann', 'cy'])
})
