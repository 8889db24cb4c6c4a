/** The door to the simulator for the command: words and numbers in, figures out. */
import type { RunConfig } from '../protocol/run-config.ts'
import type { Waste } from './accounts.ts'
import { drawFaults, type FaultRates } from './faults.ts'
import { crowdsOf, settingsWith } from './settings.ts'
import { type SimulationResult, simulate } from './simulator.ts'
import { churnOfTrace, parseTrace } from './trace.ts'

export { figuresCsv, figuresOf } from './report/figures.ts'
export { reportPage } from './report/page.ts'
export type { SimulationResult } from './simulator.ts'

export interface SimulationRequest {
  seed: number
  /** NAME or NAME:WEIGHT,… */
  preset: string
  /** Sessions as CSV, instead of a preset; see trace.ts. */
  trace: string | null
  /** The run to simulate; null: the simulator's own. */
  config: RunConfig | null
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
  config: RunConfig
  faults: FaultRates
  run(onProgress: (share: number) => void): SimulationResult
}

/** @throws ConfigError before anything is simulated */
export function prepareSimulation(request: SimulationRequest): Prepared {
  const { seed, preset, volunteers, days, swarm, set, trace } = request
  const settings = settingsWith(set, request.config ?? undefined)
  const faults = swarm ? drawFaults(seed) : settings.faults
  const who =
    trace === null
      ? { crowds: crowdsOf(preset, volunteers) }
      : { crowds: [], churn: churnOfTrace(seed, parseTrace(trace)) }
  return {
    config: settings.config,
    faults,
    run: (onProgress) => simulate({ ...settings, ...who, faults, seed, days, onProgress }),
  }
}

/** Shares of the time that volunteers were online, by cause. */
export function wasteShares({ totals: { online, waste } }: SimulationResult): Waste {
  const shares = Object.entries(waste).map(([cause, ms]) => [cause, online === 0 ? 0 : ms / online])
  return Object.fromEntries(shares)
}
