/** Sleep is told from gaps in time. */
import { expect, test } from 'vitest'
import { createSleepWatch } from '../../node/guest/sleep-watch.ts'

for (const [what, looks, expected] of [
  ['looks in time', [1_000, 2_000, 3_500], [false, false, false]],
  ['a look that is late', [1_000, 31_000], [false, false]],
  ['a gap', [1_000, 31_001, 32_000], [false, true, false]],
  ['a clock that is set back', [4_000_000, 400_000, 401_000], [true, false, false]],
  ['a gap at the start, and another', [40_000, 41_000, 9_000_000], [true, false, true]],
] as [string, number[], boolean[]][]) {
  test(what, () => {
    const hasSlept = createSleepWatch(0)
    expect(looks.map(hasSlept)).toEqual(expected)
  })
}
