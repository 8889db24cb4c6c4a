/** What speaks against training, and what overrules it. */
import { expect, test } from 'vitest'
import { createDriftSensor } from '../../node/browser/tab/drift.ts'
import {
  overrule,
  type PauseReason,
  type Preferences,
  pauseReasons,
  type Readings,
} from '../../node/guest/governor.ts'
import { hoursText, isWithin, parseHours } from '../../node/guest/hours.ts'
import { createSustained } from '../../node/guest/sustained.ts'
import { ConfigError } from '../../protocol/errors.ts'

const QUIET: Readings = {
  minute: 12 * 60,
  isHidden: false,
  isOnBattery: null,
  othersShare: null,
  celsius: null,
  bytes: 0,
}
const CAREFUL: Preferences = {
  isPaused: false,
  hours: [],
  pauseHidden: false,
  pauseOnBattery: true,
  othersShareMax: 0.5,
  celsiusMax: 85,
  bytesMax: null,
}
const NIGHT = [parseHours('22-7')]

for (const [what, readings, preferences, expected] of [
  ['nothing', {}, {}, []],
  ['a hidden tab, which may train on', { isHidden: true }, {}, []],
  ['a hidden tab', { isHidden: true }, { pauseHidden: true }, ['hidden']],
  ['the battery', { isOnBattery: true }, {}, ['battery']],
  ['the battery, allowed', { isOnBattery: true }, { pauseOnBattery: false }, []],
  ['mains', { isOnBattery: false }, {}, []],
  ['as much as is allowed to others', { othersShare: 0.5 }, {}, []],
  ['more than is allowed to others', { othersShare: 0.51 }, {}, ['busy']],
  ['all of it, allowed', { othersShare: 1 }, { othersShareMax: null }, []],
  ['the limit of heat', { celsius: 85 }, {}, []],
  ['heat', { celsius: 85.5 }, {}, ['hot']],
  ['heat, allowed', { celsius: 99 }, { celsiusMax: null }, []],
  ['noon, where nights are given', {}, { hours: NIGHT }, ['hours']],
  ['midnight', { minute: 0 }, { hours: NIGHT }, []],
  ['noon, the second of two spans', {}, { hours: [...NIGHT, parseHours('12-13')] }, []],
  ['data below the cap', { bytes: 9 }, { bytesMax: 10 }, []],
  ['data at the cap', { bytes: 10 }, { bytesMax: 10 }, ['data-cap']],
  ['two things', { isOnBattery: true }, { isPaused: true }, ['asked', 'battery']],
] as [string, Partial<Readings>, Partial<Preferences>, PauseReason[]][]) {
  test(what, () =>
    expect(pauseReasons({ ...QUIET, ...readings }, { ...CAREFUL, ...preferences })).toEqual(
      expected,
    ),
  )
}

for (const [reasons, overruled, left, stillOverruled] of [
  [['battery'], [], ['battery'], []],
  [['battery'], ['battery'], [], ['battery']],
  [['battery', 'hot'], ['battery'], ['hot'], ['battery']],
  [[], ['battery'], [], []],
] as PauseReason[][][]) {
  test(`${reasons} of which ${overruled} is overruled`, () => {
    const expected = { reasons: left, overruled: stillOverruled }
    expect(overrule(reasons!, overruled!)).toEqual(expected)
  })
}

for (const [text, shown, inside, outside] of [
  ['22-7', '22:00-07:00', [22 * 60, 1439, 0, 419], [420, 1319]],
  ['12:30-13:30', '12:30-13:30', [750, 809], [749, 810]],
  ['8-24', '08:00-24:00', [480, 1439], [0, 479]],
] as const) {
  test(`hours ${text}`, () => {
    const hours = parseHours(text)
    expect(hoursText(hours)).toBe(shown)
    for (const minute of inside) expect(isWithin(hours, minute), `${minute}`).toBe(true)
    for (const minute of outside) expect(isWithin(hours, minute), `${minute}`).toBe(false)
  })
}

for (const text of ['', '7', '7-7', '0-24', '7-25', '7:60-8', '7-8-9', '24:01-3', 'night']) {
  test(`no hours: '${text}'`, () => expect(() => parseHours(text)).toThrow(ConfigError))
}

test('three readings in a row last, for a minute; a blink does not count', () => {
  const sustained = createSustained()
  const values = [0.9, 0.2, 0.9, 0.8, 0.7].map((value, index) => {
    sustained.add(value, index * 1_000)
    return sustained.value(index * 1_000)
  })
  expect(values).toEqual([null, null, 0.2, 0.2, 0.7])
  expect([sustained.value(63_999), sustained.value(64_000)]).toEqual([0.7, null])
})

test('steps that take longer than the fastest had to share', () => {
  const sensor = createDriftSensor()
  for (const stepMs of [100, 400, 400, 100, 400, 400]) sensor.step(stepMs, 1_000)
  expect(sensor.othersShare(1_000)).toBe(0)
  sensor.step(200, 2_000)
  expect(sensor.othersShare(2_000)).toBe(0.5)
  expect(sensor.othersShare(62_000)).toBe(null)
})
