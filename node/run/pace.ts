/**
 * Whether a server brings enough, judged by the time in which it was waited for lately: one that
 * stalls after a fast start is given up, one that starts slowly is not, and the time in which its
 * bytes are worked on is not held against it.
 */

const WINDOW_MS = 60_000
/** Nothing is judged before. */
const START_MS = 120_000
const BYTES_PER_MS_MIN = 16
/** The window moves by so much. */
const PART_MS = 10_000

interface Part {
  /** Time that one waited. */
  ms: number
  bytes: number
}

export interface Pace {
  /** Notes that `bytes` came after `ms`; false: what came within the window is too little. */
  isKept(ms: number, bytes: number): boolean
}

export function createPace(): Pace {
  let waitedMs = 0
  /** Oldest first; as many as the window has, the last of which still grows. */
  let parts: Part[] = [{ ms: 0, bytes: 0 }]

  return {
    isKept(ms, bytes) {
      waitedMs += ms
      const part = parts.at(-1)!
      part.ms += ms
      part.bytes += bytes
      if (part.ms < PART_MS) return true
      while (sumOf(parts.slice(1)).ms >= WINDOW_MS) parts = parts.slice(1)
      const lately = sumOf(parts)
      parts.push({ ms: 0, bytes: 0 })
      return waitedMs < START_MS || lately.bytes >= lately.ms * BYTES_PER_MS_MIN
    },
  }
}

function sumOf(parts: readonly Part[]): Part {
  const sum: Part = { ms: 0, bytes: 0 }
  for (const { ms, bytes } of parts) {
    sum.ms += ms
    sum.bytes += bytes
  }
  return sum
}
