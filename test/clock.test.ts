/** A process's time goes on, whatever becomes of the system's clock. */
import { expect, test } from 'vitest'
import { createClock } from '../node/clock.ts'

const HOUR = 3_600_000
const START = 1_000 * HOUR

for (const [what, notBefore, readings, expected] of [
  ['as the system has it', 0, [[START + 5, 5.4]], [START + 5]],
  [
    'set back an hour',
    0,
    [
      [START - HOUR, 10],
      [START - HOUR + 10, 20],
    ],
    [START + 10, START + 20],
  ],
  ['set forward an hour', 0, [[START + HOUR, 10]], [START + 10]],
  ['behind what was recorded last', START + HOUR, [[START + 7, 7]], [START + HOUR + 7]],
] as [string, number, [wall: number, elapsed: number][], number[]][]) {
  test(`a clock ${what} goes on`, () => {
    let [wall, elapsed] = [START, 0]
    const clock = createClock(notBefore, { wall: () => wall, elapsed: () => elapsed })
    const told = readings.map((reading) => {
      ;[wall, elapsed] = reading
      return clock()
    })
    expect(told).toEqual(expected)
  })
}
