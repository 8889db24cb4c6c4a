/** Every figure of a report, as plain data: what its page draws, and what others may draw anew. */
import type { RunConfig } from '../../protocol/index.ts'
import { auditShareOf, type Waste, wasteShares } from '../accounts.ts'
import type { AttackFigures } from '../attack-figures.ts'
import { type Energy, energyOf } from '../energy.ts'
import type { FaultRates } from '../faults.ts'
import type { LeaseBar, RoundFigures, Sample } from '../history.ts'
import type { SimulationResult } from '../simulator.ts'
import type { TraceFormat } from '../traces/found-sessions.ts'
import type { WorldOptions } from '../world.ts'

export interface Figures extends Made {
  goodput: number
  /** Shares of the time online. */
  waste: Waste
  /** Audits' share of the steps that were of use. */
  auditShare: number
  attacks: AttackFigures
  /** Time online, hours. */
  onlineHours: number
  rounds: readonly RoundFigures[]
  samples: readonly SampleFigures[]
  leases: readonly LeaseBar[]
  failures: Readonly<Record<string, number>>
  bytes: { up: number; down: number }
  /** Estimated: see simulations/energy.ts. */
  energy: Energy
  events: number
  violations: readonly string[]
  traceDigest: string
}

/** One moment; what counted and what was wasted is that of the time since the one before. */
export interface SampleFigures {
  hours: number
  online: number
  round: number
  batches: number
  bytesUp: number
  bytesDown: number
  goodput: number | null
}

/** How it was made, as far as that decides what came out. */
export interface Made {
  /** A command that makes it again. */
  command: string
  seed: number
  days: number
  /** Barnraise's. */
  version: string
  /** The clone's that it ran from, `-dirty` where files differ from it; null: not known. */
  commit: string | null
  /** Online at once in the mean, and of which preset; null: a trace says who was there. */
  crowd: { preset: string; volunteers: number } | null
  trace: TraceMade | null
  /** What was set by hand, as it was given. */
  set: readonly string[]
  /** All of what the simulation ran with. */
  settings: { run: RunConfig; faults: FaultRates; world: WorldOptions }
}

export interface TraceMade {
  file: string
  format: TraceFormat
  /** SHA-256 of the file. */
  digest: string
  /** That were simulated. */
  volunteers: number
  sessions: number
  /** What of the file was not used as it is. */
  notes: readonly string[]
}

const HOUR_MS = 3_600_000

export function figuresOf(result: SimulationResult, made: Made): Figures {
  const { totals, history, failures, bytes, events, violations, traceDigest, goodput } = result
  return {
    ...made,
    goodput,
    waste: wasteShares(totals),
    auditShare: auditShareOf(totals),
    attacks: result.attacks,
    onlineHours: totals.online / HOUR_MS,
    rounds: history.rounds,
    samples: history.samples.map((sample, index) => sampleOf(sample, history.samples[index - 1])),
    leases: history.bars,
    failures: Object.fromEntries(failures),
    bytes,
    energy: energyOf(totals, made.settings.world),
    events,
    violations,
    traceDigest,
  }
}

function sampleOf(sample: Sample, before: Sample | undefined): SampleFigures {
  const { at, online, round, batches, bytesUp, bytesDown, totals } = sample
  const onlineMs = totals.online - (before?.totals.online ?? 0)
  const countedMs = totals.counted - (before?.totals.counted ?? 0)
  return {
    hours: at / HOUR_MS,
    online,
    round,
    batches,
    bytesUp,
    bytesDown,
    goodput: onlineMs === 0 ? null : countedMs / onlineMs,
  }
}

/** The moments as a table, for a spreadsheet. */
export function figuresCsv({ samples }: Figures): string {
  const names = ['hours', 'online', 'round', 'batches', 'bytesUp', 'bytesDown', 'goodput'] as const
  const lines = samples.map((sample) => names.map((name) => sample[name] ?? '').join(','))
  return `${[names.join(','), ...lines].join('\n')}\n`
}
