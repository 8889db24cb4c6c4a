/**
 * The rhythm of the day as a change of clock: a process that runs evenly on intensity's own clock
 * comes at the right hours on the wall's.
 */
import type { Daily } from './presets.ts'

const DAY_MS = 86_400_000
const BINS = 288
const BIN_MS = DAY_MS / BINS

export interface Rhythm {
  /** Relative to the day's mean. */
  intensityAt(time: number): number
  /** When `ms` of even time have passed after `time`. */
  advance(time: number, ms: number): number
}

export function createRhythm(daily: Daily, offsetHours: number): Rhythm {
  if (daily.shape === 'flat') {
    return { intensityAt: () => 1, advance: (time, ms) => time + ms }
  }
  const heights = Array.from({ length: BINS }, (_, bin) =>
    heightAt(daily, ((bin + 0.5) * 24) / BINS + offsetHours),
  )
  const total = heights.reduce((sum, height) => sum + height, 0)
  const intensities = heights.map((height) => (height * BINS) / total)
  const cumulative = [0]
  for (const intensity of intensities) cumulative.push(cumulative.at(-1)! + intensity * BIN_MS)

  const binOf = (time: number) => Math.floor((time - dayOf(time) * DAY_MS) / BIN_MS)
  const evenAt = (time: number): number => {
    const day = dayOf(time)
    const bin = binOf(time)
    const rest = time - day * DAY_MS - bin * BIN_MS
    return day * DAY_MS + cumulative[bin]! + rest * intensities[bin]!
  }
  return {
    intensityAt: (time) => intensities[binOf(time)]!,
    advance: (time, ms) => {
      const target = evenAt(time) + ms
      const day = dayOf(target)
      const inDay = target - day * DAY_MS
      let low = 0
      let high = BINS - 1
      while (low < high) {
        const middle = (low + high + 1) >>> 1
        if (cumulative[middle]! <= inDay) low = middle
        else high = middle - 1
      }
      return day * DAY_MS + low * BIN_MS + (inDay - cumulative[low]!) / intensities[low]!
    },
  }
}

const dayOf = (time: number): number => Math.floor(time / DAY_MS)

function heightAt(daily: Exclude<Daily, { shape: 'flat' }>, hour: number): number {
  const wave = Math.cos((2 * Math.PI * (hour - daily.peakHour)) / 24)
  return daily.shape === 'cosine'
    ? 1 + daily.amplitude * wave
    : Math.exp(daily.concentration * wave)
}
