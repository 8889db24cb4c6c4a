/**
 * A reading that has to last before it counts, and counts for a while after: any single one may be
 * a blink, and a machine that was just busy will be again. Pure.
 */

/** So many readings in a row make one that lasts. */
const READINGS = 3
/** Then the machine gets this long to itself. */
const REST_MS = 60_000

export interface Sustained {
  add(value: number, at: number): void
  /** The highest that lasted within the last minute; null: there were too few readings. */
  value(at: number): number | null
}

export function createSustained(): Sustained {
  let latest: number[] = []
  let lasted: { value: number; at: number }[] = []
  return {
    add(value, at) {
      latest = [...latest, value].slice(-READINGS)
      if (latest.length < READINGS) return
      lasted = lasted.filter((reading) => at - reading.at < REST_MS)
      lasted.push({ value: Math.min(...latest), at })
    },
    value(at) {
      const recent = lasted.filter((reading) => at - reading.at < REST_MS)
      return recent.length === 0 ? null : Math.max(...recent.map((reading) => reading.value))
    },
  }
}
