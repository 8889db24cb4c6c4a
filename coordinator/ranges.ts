/**
 * Sets of batch indexes as sorted half-open ranges that neither overlap nor touch, so that equal
 * sets are equal values and a set costs as much as it has gaps, not members.
 */
import { assert } from '../protocol/index.ts'

/** The batches start, start + 1, ... end - 1. Invariant: start < end. */
export interface Range {
  start: number
  end: number
}

export type RangeSet = Range[]

/** Adds a range that is not in the set yet, merging it with its neighbours; O(log gaps) to find. */
export function addRange(set: RangeSet, { start, end }: Range): void {
  assert(start < end, `a range must not be empty: [${start},${end})`)
  const at = firstEndingAfter(set, start)
  const left = set[at - 1]
  const right = set[at]
  assert(right === undefined || right.start >= end, `batches [${start},${end}) are there already`)
  const touchesLeft = left?.end === start
  const touchesRight = right?.start === end
  if (touchesLeft && touchesRight) {
    left.end = right.end
    set.splice(at, 1)
  } else if (touchesLeft) left.end = end
  else if (touchesRight) right.start = start
  else set.splice(at, 0, { start, end })
}

/** Takes out a range that is in the set, cutting the one that it is part of. */
export function removeRange(set: RangeSet, { start, end }: Range): void {
  const at = firstEndingAfter(set, start)
  const whole = set[at]
  assert(
    whole !== undefined && start < end && whole.start <= start && end <= whole.end,
    `batches [${start},${end}) are not all there`,
  )
  const left = { start: whole.start, end: start }
  const right = { start: end, end: whole.end }
  set.splice(at, 1, ...[left, right].filter((part) => part.start < part.end))
}

/** Takes at most `countMax` indexes off the lowest range; null when the set is empty. */
export function takeFirst(set: RangeSet, countMax: number): Range | null {
  const first = set[0]
  if (first === undefined) return null
  const taken = { start: first.start, end: Math.min(first.end, first.start + countMax) }
  if (taken.end === first.end) set.shift()
  else first.start = taken.end
  return taken
}

/** Position of the first range that ends after `index`. */
function firstEndingAfter(set: RangeSet, index: number): number {
  let low = 0
  let high = set.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (set[middle]!.end > index) high = middle
    else low = middle + 1
  }
  return low
}
