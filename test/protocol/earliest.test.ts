import { expect, test } from 'vitest'
import { earliest } from '../../protocol/earliest.ts'

for (const [deadlines, first] of [
  [[], null],
  [[null, null], null],
  [[5], 5],
  [[null, 7, null], 7],
  [[3, 2, 9], 2],
  [[0, 4, null], 0],
  [[4, 0], 0],
] as const) {
  test(`the earliest of [${deadlines.join(', ')}] is ${first}`, () => {
    expect(earliest(...deadlines)).toBe(first)
  })
}
