/**
 * Did this machine sleep? Then nothing ran for a while: between two looks at the clock lies far
 * more time than was asked for. Pure: the caller looks, and says what time it is.
 */

/** How often to look. */
export const LOOK_MS = 1_000
/** A gap that only sleep explains, and that connections do not survive. */
const SLEEP_MS_MIN = 30_000

/**
 * Returns what hears the system's time at each look, and says whether the machine slept before it.
 * A clock that is set forward looks the same, and costs a connection; one set back is no sleep.
 */
export function createSleepWatch(at: number): (at: number) => boolean {
  let before = at
  return (now) => {
    const hasSlept = now - before > SLEEP_MS_MIN
    before = now
    return hasSlept
  }
}
