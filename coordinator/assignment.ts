/**
 * The ledger of batches: who has had what. Batches are handed out in the order of their index; what
 * comes back undone is owed and goes out first. Invariant: every batch below `next` is exactly one
 * of held (by a lease), counted, or owed; so nothing is lost and nothing counts twice.
 */
import { assert } from '../protocol/index.ts'
import { addRange, type Range, type RangeSet, removeRange, takeFirst } from './ranges.ts'

export interface Ledger {
  /** The lowest batch that nobody has had. */
  next: number
  /** Handed out once, came back undone. Invariant: all below `next`, the last not touching it. */
  owed: RangeSet
  /** Batches that are in the adapter. */
  counted: RangeSet
}

export function emptyLedger(): Ledger {
  return { next: 0, owed: [], counted: [] }
}

/** Hands out at most `stepsMax` consecutive batches; fewer when the first owed ones are fewer. */
export function assign(ledger: Ledger, stepsMax: number): Range {
  const owed = takeFirst(ledger.owed, stepsMax)
  if (owed !== null) return owed
  const fresh = { start: ledger.next, end: ledger.next + stepsMax }
  ledger.next = fresh.end
  return fresh
}

/** Takes back held batches that were not done. */
export function giveBack(ledger: Ledger, range: Range): void {
  if (range.start === range.end) return
  addRange(ledger.owed, range)
  const last = ledger.owed.at(-1)!
  if (last.end !== ledger.next) return
  // As good as never handed out: short remainders at the front join the fresh batches behind them.
  ledger.next = last.start
  ledger.owed.pop()
}

/** Held batches became part of the adapter. */
export function countBatches(ledger: Ledger, range: Range): void {
  addRange(ledger.counted, range)
}

/** What counted is no longer part of the adapter: it has to be done again. */
export function uncountBatches(ledger: Ledger, range: Range): void {
  removeRange(ledger.counted, range)
  giveBack(ledger, range)
}

/** Throws unless held, counted and owed batches tile [0, next) without gap or overlap. */
export function checkLedger(ledger: Ledger, held: readonly Range[]): void {
  const all = [...ledger.owed, ...ledger.counted, ...held]
  all.sort((a, b) => a.start - b.start)
  let reached = 0
  for (const { start, end } of all) {
    assert(start === reached, `batch ${Math.min(start, reached)} is not in exactly one place`)
    reached = end
  }
  assert(reached === ledger.next, `batches ${reached} to ${ledger.next} are nowhere`)
}
