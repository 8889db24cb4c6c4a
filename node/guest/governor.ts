/**
 * When a guest may train: each thing that speaks against it has a name and a limit of its own, and
 * can be overruled. Pure: a process and a page read their sensors and say what they found.
 */
import { type Hours, isWithin } from './hours.ts'

export type PauseReason = 'asked' | 'hours' | 'hidden' | 'battery' | 'busy' | 'hot' | 'data-cap'

/** What sensors say; null: this machine does not tell. */
export interface Readings {
  /** Minutes since midnight, where this machine is. */
  minute: number
  /** A page in the background; processes have none. */
  isHidden: boolean
  isOnBattery: boolean | null
  /** What other programs take of the processor, from 0 to 1. */
  othersShare: number | null
  celsius: number | null
  /** Moved so far, both ways: by a process today, by a page since it was opened. */
  bytes: number
}

/** What the person here decided; a limit of null is never reached. */
export interface Preferences {
  /** Paused by hand. */
  isPaused: boolean
  /** The spans of the day in which to train; empty: always. */
  hours: readonly Hours[]
  pauseHidden: boolean
  pauseOnBattery: boolean
  othersShareMax: number | null
  celsiusMax: number | null
  bytesMax: number | null
}

/** Everything that speaks against training now; none: train. */
export function pauseReasons(readings: Readings, preferences: Preferences): PauseReason[] {
  const { hours, othersShareMax, celsiusMax, bytesMax } = preferences
  const against: [PauseReason, boolean][] = [
    ['asked', preferences.isPaused],
    ['hours', hours.length > 0 && !hours.some((span) => isWithin(span, readings.minute))],
    ['hidden', preferences.pauseHidden && readings.isHidden],
    ['battery', preferences.pauseOnBattery && readings.isOnBattery === true],
    ['busy', isAbove(readings.othersShare, othersShareMax)],
    ['hot', isAbove(readings.celsius, celsiusMax)],
    ['data-cap', bytesMax !== null && readings.bytes >= bytesMax],
  ]
  return against.filter(([, holds]) => holds).map(([reason]) => reason)
}

function isAbove(value: number | null, max: number | null): boolean {
  return value !== null && max !== null && value > max
}

/**
 * What is left of the reasons where some are overruled. Each is overruled for as long as it holds:
 * when it comes again, it counts again.
 */
export function overrule(
  reasons: readonly PauseReason[],
  overruled: readonly PauseReason[],
): { reasons: PauseReason[]; overruled: PauseReason[] } {
  return {
    reasons: reasons.filter((reason) => !overruled.includes(reason)),
    overruled: reasons.filter((reason) => overruled.includes(reason)),
  }
}
