/** One is one, and others are many. */
import { expect, test } from 'vitest'
import { counted } from '../../protocol/counted.ts'

for (const [count, noun, expected] of [
  [1, 'batch', '1 batch'],
  [0, 'batch', '0 batches'],
  [2, 'batch', '2 batches'],
  [3, 'step', '3 steps'],
] as const) {
  test(expected, () => expect(counted(count, noun)).toBe(expected))
}
