/** Every figure of a report, as plain data: what its page draws, and what others may draw anew. */
import { auditShareOf, type Waste, wasteShares } from '../accounts.ts'
import type { AttackFigures } from '../attack-figures.ts'
import type { LeaseBar, RoundFigures, Sample } from '../history.ts'
import type { SimulationResult } from '../simulator.ts'

export interface Figures {
  /** How it was made: a command that makes it again. */
  command: string
  seed: number
  days: number
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

export interface Made {
  command: string
  seed: number
  days: number
}

const HOUR_MS = 3_600_000

export function figuresOf(result: SimulationResult, { command, seed, days }: Made): Figures {
  const { totals, history, failures, bytes, events, violations, traceDigest, goodput } = result
  return {
    command,
    seed,
    days,
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
