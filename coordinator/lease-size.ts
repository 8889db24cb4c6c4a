/**
 * How many local steps a volunteer gets: what it can do in the rest of the time box, but no more
 * than its share of the batches that are left, so that where batches are scarce all end together.
 *
 *   steps = clamp(min(⌊(time left - transfer) / step time⌋, ⌈available · speed / all speeds⌉),
 *                 stepsMin, min(stepsMax, available))
 *
 * A volunteer that has yet to deliver something gets stepsMin, whatever it says of its speed.
 *
 * Source: Polychronopoulos and Kuck 1987, Guided Self-Scheduling, §3, weighted by speed.
 */
import type { RunConfig } from '../protocol/index.ts'

/**
 * A volunteer of unknown speed joins a round that has at least this much of its box left, or this
 * share where boxes are short: most make a step in it, which counts, and tells their speed.
 */
const UNKNOWN_SPEED_MS = 120_000
const UNKNOWN_SPEED_SHARE = 1 / 3
/** What an unmeasured upload is taken to cost, as a share of the grace time made for it. */
const TRANSFER_SHARE = 1 / 4

export interface LeaseWish {
  /** Time left in the box. */
  leftMs: number
  /** Batches the round may still hand out, at least 1. */
  available: number
  /** What this volunteer may still get of the round, at least 1. */
  ownMax: number
  /** It has delivered what it held last; until then it gets the least. */
  hasDelivered: boolean
  stepMs: number | null
  transferMs: number | null
  others: Pace
}

/** How fast members are together. */
export interface Pace {
  /** Steps an hour of those whose speed is known. */
  speed: number
  /** The others; they are taken to be as fast as the one that asks. */
  untimedCount: number
}

/** Steps an hour; whole numbers, so that sums of them do not depend on their order. */
export function speedOf(stepMs: number): number {
  return Math.max(1, Math.floor(3_600_000 / stepMs))
}

/**
 * `expectedMs` is null when the speed is unknown; 0 steps: the volunteer has to wait, for `reason`.
 */
export type LeaseSize = { steps: number; expectedMs: number | null; reason: string }

export function sizeLease(round: RunConfig['round'], wish: LeaseWish): LeaseSize {
  const { leftMs, available, stepMs } = wish
  const { stepsMin, stepsMax } = round
  const boxMs = round.seconds * 1000
  if (stepMs === null) {
    const neededMs = Math.min(UNKNOWN_SPEED_MS, boxMs * UNKNOWN_SPEED_SHARE)
    if (leftMs < neededMs) return none('too little of the round is left')
    return { steps: Math.min(stepsMin, available, wish.ownMax), expectedMs: null, reason: '' }
  }
  const transferMs = transferAllowance(round, wish.transferMs)
  const fitting = Math.floor((leftMs - transferMs) / stepMs)
  // Never ask more of a slow volunteer than it can do in half a box, nor turn away the one that
  // starts a round: they would wait for ever.
  const fittingHalf = Math.max(1, Math.floor(boxMs / 2 / stepMs))
  if (fitting < Math.min(stepsMin, fittingHalf, available) && leftMs < boxMs) {
    return none(`too little of the round is left for steps of ${Math.round(stepMs)} ms`)
  }
  const speed = speedOf(stepMs)
  const together = speed * (1 + wish.others.untimedCount) + wish.others.speed
  const share = Math.ceil((available * speed) / together)
  const most = Math.min(wish.hasDelivered ? stepsMax : stepsMin, wish.ownMax)
  const steps = Math.min(Math.max(1, fitting), Math.max(share, stepsMin), most, available)
  return { steps, expectedMs: steps * stepMs + transferMs, reason: '' }
}

/** Time to keep free for the upload: as measured, but never more than half the box. */
function transferAllowance(round: RunConfig['round'], transferMs: number | null): number {
  const expectedMs = transferMs ?? round.graceSeconds * 1000 * TRANSFER_SHARE
  return Math.min(expectedMs, (round.seconds * 1000) / 2)
}

function none(reason: string): LeaseSize {
  return { steps: 0, expectedMs: null, reason }
}
