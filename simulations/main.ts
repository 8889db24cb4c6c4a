/** The door to the simulator for the command: words and numbers in, a line of figures out. */
import type { Waste } from './accounts.ts'
import { drawFaults, type FaultRates } from './faults.ts'
import { crowdsOf, settingsWith } from './settings.ts'
import { type SimulationResult, simulate } from './simulator.ts'

export interface SimulationRequest {
  seed: number
  /** NAME or NAME:WEIGHT,… */
  preset: string
  /** Online at once, in the mean. */
  volunteers: number
  /** Virtual. */
  days: number
  /** SECTION.KEY=NUMBER */
  set: readonly string[]
  /** Faults as the seed draws them, instead of everyday ones. */
  swarm: boolean
}

export interface Prepared {
  faults: FaultRates
  run(onProgress: (share: number) => void): SimulationResult
}

/** @throws ConfigError before anything is simulated */
export function prepareSimulation(request: SimulationRequest): Prepared {
  const { seed, preset, volunteers, days, swarm, set } = request
  const settings = settingsWith(set)
  const crowds = crowdsOf(preset, volunteers)
  const faults = swarm ? drawFaults(seed) : settings.faults
  return {
    faults,
    run: (onProgress) => simulate({ ...settings, faults, seed, crowds, days, onProgress }),
  }
}

/** Shares of the time that volunteers were online, by cause. */
export function wasteShares({ totals: { online, waste } }: SimulationResult): Waste {
  const shares = Object.entries(waste).map(([cause, ms]) => [cause, online === 0 ? 0 : ms / online])
  return Object.fromEntries(shares)
}
