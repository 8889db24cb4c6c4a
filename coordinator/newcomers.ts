/**
 * How much of a round may be the work of those who are not proven. Whoever makes a thousand keys
 * can outnumber everybody, and be drawn to find its own work right. So among strangers, where
 * proven volunteers are here that did most of the round before, all others together hold no more
 * than a fifth of this one.
 *
 * Most, as most are not proven yet when the first one is: held to a quarter of what a few do, a
 * crowd would wait, and prove itself, for hours (a third of the batches of four hours, for 200
 * browser tabs). And only as they did it: who is proven and idle holds nobody back. A lease of the
 * least steps is always allowed, so that the run goes on where they leave.
 */
import { isProven } from './record.ts'
import { memberHere } from './roster.ts'
import type { CoordinatorState, Member } from './state.ts'

/** A round is shared where proven ones did so much of the one before. */
const PROVEN_SHARE_MIN = 2 / 3
/** A fifth of the whole is a quarter of what the others hold. */
const NEWCOMERS_TO_PROVEN = 1 / 4

/** Whether those that are proven, and here, did most of the round that was merged last. */
export function isLedByProven(state: CoordinatorState): boolean {
  if (state.config.audit.trust !== 'strangers') return false
  let all = 0
  let proven = 0
  for (const { peer, steps } of state.history.at(-1)?.contributions ?? []) {
    all += steps
    if (isProven(state, peer) && memberHere(state, peer) !== null) proven += steps
  }
  return all > 0 && proven >= all * PROVEN_SHARE_MIN
}

/** Batches that the next lease of this member may have; 0: proven ones have to take more first. */
export function newcomersLeft(state: CoordinatorState, { peer }: Member): number {
  const { round, derived, config } = state
  if (!round.isShared || isProven(state, peer)) return round.budget
  const { newcomers } = derived.tally
  const proven = round.outstanding + round.uploaded - newcomers
  const left = Math.floor(proven * NEWCOMERS_TO_PROVEN) - newcomers
  const { stepsMin } = config.round
  if (newcomers === 0) return Math.max(left, stepsMin)
  // One of fewer costs an audit all the same.
  return left < stepsMin ? 0 : left
}
