/**
 * When a page may train: each thing that speaks against it has a name and a switch. Pure: the
 * page reads its sensors and says what it found.
 */

export type PauseReason = 'asked' | 'hidden' | 'battery' | 'busy' | 'data-cap'

export interface Readings {
  isHidden: boolean
  /** null: this browser does not tell. */
  isOnBattery: boolean | null
  isBusy: boolean
  /** Moved since the page was opened, both ways. */
  bytes: number
}

/** What the person here decided. */
export interface Wishes {
  /** Paused by hand. */
  isPaused: boolean
  pauseHidden: boolean
  pauseOnBattery: boolean
  pauseBusy: boolean
  /** null: no cap. */
  bytesMax: number | null
}

export const WISHES: Wishes = {
  isPaused: false,
  pauseHidden: false,
  pauseOnBattery: true,
  pauseBusy: true,
  bytesMax: null,
}

/** Everything that speaks against training now; none: train. */
export function pauseReasons(readings: Readings, wishes: Wishes): PauseReason[] {
  const against: [PauseReason, boolean][] = [
    ['asked', wishes.isPaused],
    ['hidden', wishes.pauseHidden && readings.isHidden],
    ['battery', wishes.pauseOnBattery && readings.isOnBattery === true],
    ['busy', wishes.pauseBusy && readings.isBusy],
    ['data-cap', wishes.bytesMax !== null && readings.bytes >= wishes.bytesMax],
  ]
  return against.filter(([, holds]) => holds).map(([reason]) => reason)
}

/** A step this many times as long as the fastest says that somebody else needs the machine. */
const BUSY_RATIO = 2.5
/** So many in a row, since any single step may be disturbed. */
const BUSY_STEPS = 3
/** Then it gets this long to itself. */
const REST_MS = 60_000

export interface BusySensor {
  /** Hears of each step; `now` in milliseconds. */
  step(stepMs: number, now: number): void
  isBusy(now: number): boolean
}

export function createBusySensor(): BusySensor {
  let fastest = Number.POSITIVE_INFINITY
  let slowSteps = 0
  let restUntil = Number.NEGATIVE_INFINITY
  return {
    step(stepMs, now) {
      fastest = Math.min(fastest, stepMs)
      slowSteps = stepMs > BUSY_RATIO * fastest ? slowSteps + 1 : 0
      if (slowSteps < BUSY_STEPS) return
      slowSteps = 0
      restUntil = now + REST_MS
    },
    isBusy: (now) => now < restUntil,
  }
}
