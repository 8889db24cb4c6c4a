/** What speaks against training in a tab, and what overrules it. */
import { expect, test } from 'vitest'
import {
  createBusySensor,
  type PauseReason,
  pauseReasons,
  type Readings,
  WISHES,
  type Wishes,
} from '../../node/tab/governor.ts'

const QUIET: Readings = { isHidden: false, isOnBattery: null, isBusy: false, bytes: 0 }

for (const [what, readings, wishes, expected] of [
  ['nothing', {}, {}, []],
  ['a hidden tab, which may train on', { isHidden: true }, {}, []],
  ['a hidden tab', { isHidden: true }, { pauseHidden: true }, ['hidden']],
  ['the battery', { isOnBattery: true }, {}, ['battery']],
  ['the battery, overruled', { isOnBattery: true }, { pauseOnBattery: false }, []],
  ['mains', { isOnBattery: false }, {}, []],
  ['a busy machine', { isBusy: true }, {}, ['busy']],
  ['a busy machine, overruled', { isBusy: true }, { pauseBusy: false }, []],
  ['data below the cap', { bytes: 9 }, { bytesMax: 10 }, []],
  ['data at the cap', { bytes: 10 }, { bytesMax: 10 }, ['data-cap']],
  ['two things', { isOnBattery: true }, { isPaused: true }, ['asked', 'battery']],
] as [string, Partial<Readings>, Partial<Wishes>, PauseReason[]][]) {
  test(what, () =>
    expect(pauseReasons({ ...QUIET, ...readings }, { ...WISHES, ...wishes })).toEqual(expected),
  )
}

test('three slow steps in a row say that the machine is needed, for a minute', () => {
  const sensor = createBusySensor()
  for (const stepMs of [100, 300, 300, 100, 300, 300]) sensor.step(stepMs, 1_000)
  expect(sensor.isBusy(1_000)).toBe(false)
  sensor.step(300, 2_000)
  expect([sensor.isBusy(2_000), sensor.isBusy(61_999), sensor.isBusy(62_000)]).toEqual([
    true,
    true,
    false,
  ])
})
