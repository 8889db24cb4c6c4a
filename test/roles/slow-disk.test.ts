/** Whoever waits for its disk is told, and how much. */
import { expect, test } from 'vitest'
import { diskText, isDiskSlow } from '../../node/roles/slow-disk.ts'

for (const [waitMs, expected] of [
  [0, false],
  [99, false],
  [101, true],
] as const) {
  test(`${waitMs} of 1000 ms of waiting are ${expected ? '' : 'not '}worth a word`, () => {
    expect(isDiskSlow({ stepMs: 1000, waitMs })).toBe(expected)
  })
}

test('it says what the disk costs, and what helps', () => {
  const text = diskText({ stepMs: 2000, waitMs: 700 })
  expect(text).toContain('35 % of a step is waiting for layers')
  expect(text).toContain('With more memory')
})
