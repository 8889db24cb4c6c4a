/**
 * The time of a process, in milliseconds since 1970; it never goes back, whatever the system's
 * clock does.
 */
export type Clock = () => number

export function createClock(): Clock {
  let last = 0
  return () => {
    last = Math.max(last, Date.now())
    return last
  }
}
