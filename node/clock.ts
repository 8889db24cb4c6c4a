/** The time of a process, in whole milliseconds since 1970; it never goes back. */
export type Clock = () => number

/** An event that has no time yet: its shell gives it one. */
export type Unstamped<E> = E extends { at: number } ? Omit<E, 'at'> : never

/** What a clock is made of; tests bring their own. */
export interface TimeSources {
  /** The system's clock, which its owner or the network may set. */
  wall: () => number
  /** Milliseconds since some moment, at the pace of time. */
  elapsed: () => number
}

const SYSTEM: TimeSources = { wall: Date.now, elapsed: () => performance.now() }

/**
 * The system's clock is asked once; from then on time goes by at its own pace, so that a clock that
 * is set back an hour does not stop everything for an hour, nor one that is set forward end every
 * lease. While the machine sleeps this clock may stand.
 * @param notBefore what was recorded last, by a process that may have had another clock
 */
export function createClock(
  notBefore = Number.NEGATIVE_INFINITY,
  { wall, elapsed }: TimeSources = SYSTEM,
): Clock {
  const start = Math.max(wall(), notBefore)
  const from = elapsed()
  return () => start + Math.floor(elapsed() - from)
}
