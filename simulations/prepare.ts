/**
 * A simulation as a person asks for it: words and numbers in, checked before anything runs, and a
 * result out.
 */
import type { RunConfig } from '../protocol/index.ts'
import { attacksOf } from './attack-settings.ts'
import { drawFaults, type FaultRates } from './faults.ts'
import { plan, type Trial } from './plan.ts'
import { type Numbers, realLearning } from './real-learning.ts'
import { runWith } from './run-settings.ts'
import { crowdsOf, settingsWith } from './settings.ts'
import { type SimulationResult, simulate } from './simulator.ts'
import { churnOfTrace, type TraceRow } from './trace.ts'
import type { WorldOptions } from './world.ts'

const HOUR_MS = 3_600_000

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
  /** NAME:SHARE,…; left out: nobody attacks. */
  attack?: string
  /** Faults as the seed draws them, instead of everyday ones. */
  swarm: boolean
}

export interface Prepared {
  config: RunConfig
  faults: FaultRates
  world: WorldOptions
  run(onProgress: (share: number) => void): SimulationResult
  /** The same without attackers, where a loss can be compared; null: nothing can. */
  runClean: (() => SimulationResult) | null
  /** Settings of the round for these volunteers, the best first. */
  plan(onTrial: (trial: Trial, count: number) => void): Trial[]
}

/** @throws ConfigError before anything is simulated */
export function prepareSimulation(request: SimulationRequest): Prepared {
  const { seed, preset, volunteers, days, swarm, set, trace } = request
  const attacks = request.attack === undefined ? [] : attacksOf(request.attack)
  const settings = settingsWith(set, request.config ?? undefined)
  const faults = swarm ? drawFaults(seed) : settings.faults
  const who =
    trace === null
      ? { crowds: crowdsOf(preset, volunteers) }
      : { crowds: [], churn: churnOfTrace(seed, trace) }
  const world = { ...settings.world, ...request.world }
  const numbers = request.numbers ?? null
  const learning = numbers === null ? {} : { learning: realLearning(numbers) }
  const options = { ...settings, ...who, ...learning, attacks, world, faults, seed, days }
  return {
    config: settings.config,
    faults,
    world,
    run: (onProgress) => simulate({ ...options, onProgress }),
    runClean:
      numbers === null || attacks.length === 0 ? null : () => simulate({ ...options, attacks: [] }),
    plan: (onTrial) => {
      const attempt = (round: Partial<RunConfig['round']>) => {
        const config = runWith({ round: { ...settings.config.round, ...round } }, settings.config)
        const { goodputMerged, bytes, totals, rounds } = simulate({ ...options, config })
        const hours = totals.online / HOUR_MS
        const bytesPerHour = hours === 0 ? 0 : bytes.up / hours
        return { goodput: goodputMerged, rounds, bytesPerHour }
      }
      return plan(settings.config, attempt, onTrial)
    },
  }
}
