/**
 * What goes wrong, drawn once per run: each kind is on or off, then has a rate of its own, so that
 * a swarm of runs meets kinds alone and together.
 *
 * Sources: Groce et al. 2012, Swarm Testing (switching features per run); FoundationDB's simulation
 * (swizzle-clogging: links stop one by one and recover in another order).
 */
import { between, chance } from './laws.ts'
import { streamFor } from './streams.ts'

/** Probabilities a message; rates an hour, of the whole run unless said otherwise; times in ms. */
export interface FaultRates {
  /** A request or its answer gets lost; its sender finds out by a timeout. */
  requestLoss: number
  noticeLoss: number
  duplicate: number
  /** A message is late by up to `delayMs`, so that others overtake it. */
  delay: number
  delayMs: number
  /** Processes of volunteers die, an hour of each; some lose their disk with it. */
  kills: number
  diskLoss: number
  /** A region loses its connection. */
  partitions: number
  partitionMs: number
  swizzles: number
  /** The coordinator dies, an hour; and with each event that it journals. */
  crashes: number
  crashAtEvent: number
  crashMs: number
  /** Its clock is off by up to this much after a restart. */
  clockJumpMs: number
  /** An uploaded payload is not what was committed. */
  badPayload: number
  /** A merge refuses a contribution. */
  badNumbers: number
  /** Training breaks. */
  trainingFails: number
}

export const NO_FAULTS: FaultRates = {
  requestLoss: 0,
  noticeLoss: 0,
  duplicate: 0,
  delay: 0,
  delayMs: 0,
  kills: 0,
  diskLoss: 0,
  partitions: 0,
  partitionMs: 0,
  swizzles: 0,
  crashes: 0,
  crashAtEvent: 0,
  crashMs: 0,
  clockJumpMs: 0,
  badPayload: 0,
  badNumbers: 0,
  trainingFails: 0,
}

/** What every world has: a region's network fails once a day, for 10 minutes in the median. */
export const EVERYDAY: FaultRates = {
  ...NO_FAULTS,
  requestLoss: 1e-4,
  partitions: 1 / 24,
  partitionMs: 600_000,
}

/** The worst of each kind that a swarm draws. */
const WORST: FaultRates = {
  requestLoss: 0.1,
  noticeLoss: 0.1,
  duplicate: 0.1,
  delay: 0.2,
  delayMs: 20_000,
  kills: 6,
  diskLoss: 0.5,
  partitions: 12,
  partitionMs: 60_000,
  swizzles: 6,
  crashes: 12,
  crashAtEvent: 0.02,
  crashMs: 20_000,
  clockJumpMs: 60_000,
  badPayload: 0.02,
  badNumbers: 0.02,
  trainingFails: 0.05,
}

export function drawFaults(seed: number): FaultRates {
  const random = streamFor(seed, 'faultRates')
  const faults = { ...NO_FAULTS }
  for (const name of Object.keys(WORST) as (keyof FaultRates)[]) {
    faults[name] = chance(random, 0.6) ? between(random, 0, WORST[name]) : 0
  }
  return faults
}
