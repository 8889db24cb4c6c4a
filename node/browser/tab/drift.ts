/**
 * What other programs take of the processor. A page cannot ask for it, but a step that takes longer
 * than the fastest one had to share. Pure.
 */
import { createSustained } from '../../guest/sustained.ts'

export interface DriftSensor {
  /** Hears of each step; `now` in milliseconds. */
  step(stepMs: number, now: number): void
  /** What others take, from 0 to 1; null: there were too few steps to tell. */
  othersShare(now: number): number | null
}

export function createDriftSensor(): DriftSensor {
  const share = createSustained()
  let fastest = Number.POSITIVE_INFINITY
  return {
    step(stepMs, now) {
      fastest = Math.min(fastest, stepMs)
      share.add(1 - fastest / stepMs, now)
    },
    othersShare: share.value,
  }
}
