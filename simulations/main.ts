/** The door to the simulator for the command: words and numbers in, figures out. */
import type { RunConfig } from '../protocol/run-config.ts'
import type { Waste } from './accounts.ts'
import { drawFaults, type FaultRates } from './faults.ts'
import { plan, type Trial } from './plan.ts'
import { type Numbers, realLearning } from './real-learning.ts'
import { runWith } from './run-settings.ts'
import { crowdsOf, settingsWith } from './settings.ts'
import { type SimulationResult, simulate } from './simulator.ts'
import { churnOfTrace, type TraceRow } from './trace.ts'
import type { WorldOptions } from './world.ts'

export { TRIALS_MAX, type Trial } from './plan.ts'
export type { Numbers } from './real-learning.ts'
export { figuresCsv, figuresOf } from './report/figures.ts'
export { reportPage } from './report/page.ts'
export type { SimulationResult } from './simulator.ts'
export { parseTrace } from './trace.ts'

export interface SimulationRequest {
  seed: number
  /** NAME or NAME:WEIGHT,… */
  preset: string
  /** Who comes and goes, instead of a preset. */
  trace: readonly TraceRow[] | null
  /** The run to simulate; null: the simulator's own. */
  config: RunConfig | null
  /** Online at once, in the mean. */
  volunteers: number
  /** Virtual. */
  days: number
  /** Learning with real numbers; otherwise it is modelled. */
  numbers?: Numbers | null
  /** What surrounds the run, where it is known. */
  world?: Partial<WorldOptions>
  /** SECTION.KEY=NUMBER */
  set: readonly string[]
  /** Faults as the seed draws them, instead of everyday ones. */
  swarm: boolean
}

export interface Prepared {
  config: RunConfig
  faults: FaultRates
  run(onProgress: (share: number) => void): SimulationResult
  /** Settings of the round for these volunteers, the best first. */
  plan(onTrial: (trial: Trial, count: number) => void): Trial[]
}

/** @throws ConfigError before anything is simulated */
export function prepareSimulation(request: SimulationRequest): Prepared {
  const { seed, preset, volunteers, days, swarm, set, trace } = request
  const settings = settingsWith(set, request.config ?? undefined)
  const faults = swarm ? drawFaults(seed) : settings.faults
  const who =
    trace === null
      ? { crowds: crowdsOf(preset, volunteers) }
      : { crowds: [], churn: churnOfTrace(seed, trace) }
  const world = { ...settings.world, ...request.world }
  const numbers = request.numbers ?? null
  const learning = numbers === null ? {} : { learning: realLearning(numbers) }
  const options = { ...settings, ...who, ...learning, world, faults, seed, days }
  return {
    config: settings.config,
    faults,
    run: (onProgress) => simulate({ ...options, onProgress }),
    plan: (onTrial) => {
      const attempt = (round: Partial<RunConfig['round']>) => {
        const config = runWith({ round: { ...settings.config.round, ...round } }, settings.config)
        const { goodput, bytes, totals, rounds } = simulate({ ...options, config })
        const hours = totals.online / HOUR_MS
        return { goodput, rounds, bytesPerHour: hours === 0 ? 0 : bytes.up / hours }
      }
      return plan(settings.config, attempt, onTrial)
    },
  }
}

const HOUR_MS = 3_600_000

/** Shares of the time that volunteers were online, by cause. */
export function wasteShares({ totals: { online, waste } }: SimulationResult): Waste {
  const shares = Object.entries(waste).map(([cause, ms]) => [cause, online === 0 ? 0 : ms / online])
  return Object.fromEntries(shares)
}
