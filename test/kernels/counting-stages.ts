/** Stages whose parts only leave a mark, for tests of the board that hands them out. */
import type { Stage } from '../../kernels/threads.ts'

/** Cells before the marks: parts worked off by threads other than the leader's. */
export const HELPED = 0
export const MARKS = 16

export const COUNT = 0
export const FAIL = 1
export const FAIL_IN_HELPERS = 2
export const WAIT_FOR_HELP = 3

export function countingStages(cells: Int32Array, thread: number): Stage[] {
  const mark = (part: number, [first = 0]: Readonly<Float64Array>) => {
    if (thread > 0) Atomics.add(cells, HELPED, 1)
    Atomics.add(cells, MARKS + first + part, 1)
  }
  return [
    mark,
    () => {
      throw new Error('this part fails')
    },
    () => {
      if (thread > 0) throw new Error('this part fails in a helper')
    },
    (part, numbers) => {
      // The leader's part lasts until a helper has taken the other one.
      mark(part, numbers)
      Atomics.notify(cells, HELPED)
      while (thread === 0 && Atomics.load(cells, HELPED) === 0) Atomics.wait(cells, HELPED, 0, 10)
    },
  ]
}
