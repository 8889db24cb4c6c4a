/**
 * Churn as it was: sessions that somebody noted, instead of a preset's laws. `traces/` reads them
 * from files in several formats.
 */
import type { Churn, Session, SessionEnd } from './churn.ts'
import { bytesPerMs, createHost, drawConditions, type Host } from './hosts.ts'
import { EVENING_LAPTOPS, type Preset } from './presets.ts'

export interface TraceRow {
  volunteer: string
  startMs: number
  endMs: number
  end: SessionEnd
  stepMs: number | null
  upMbit: number | null
  downMbit: number | null
  /** One way. */
  latencyMs: number | null
}

const DAY_MS = 86_400_000

/** What a trace holds, of which a simulation of some days may leave out the end. */
export interface TraceExtent {
  volunteers: number
  sessions: number
  days: number
}

export function traceExtent(rows: readonly TraceRow[]): TraceExtent {
  const ends = rows.reduce((latest, { endMs }) => Math.max(latest, endMs), 0)
  return {
    volunteers: new Set(rows.map(({ volunteer }) => volunteer)).size,
    sessions: rows.length,
    days: ends / DAY_MS,
  }
}

/** The sessions that begin within so many days. */
export const traceWithin = (rows: readonly TraceRow[], days: number): TraceRow[] =>
  rows.filter(({ startMs }) => startMs < days * DAY_MS)

/** The preset whose laws fill the gaps of a trace; its population is never asked. */
const GAPS: Preset = { ...EVENING_LAPTOPS, name: 'trace' }

export function churnOfTrace(seed: number, rows: readonly TraceRow[]): Churn {
  return {
    start: (queue, onSession) => {
      const hosts = new Map<string, Host>()
      for (const row of rows) {
        const known = hosts.get(row.volunteer)
        const host = known ?? hostOf(createHost(seed, hosts.size, GAPS), row)
        if (known === undefined) hosts.set(row.volunteer, host)
        const { startMs: startsAt, endMs: endsAt, end } = row
        const session: Session = { host, startsAt, endsAt, end, ...drawConditions(host) }
        queue.at(row.startMs, () => onSession(session))
      }
    },
  }
}

function hostOf(drawn: Host, { stepMs, upMbit, downMbit, latencyMs }: TraceRow): Host {
  return {
    ...drawn,
    stepMs: stepMs ?? drawn.stepMs,
    up: upMbit === null ? drawn.up : bytesPerMs(upMbit),
    down: downMbit === null ? drawn.down : bytesPerMs(downMbit),
    latencyMs: latencyMs ?? drawn.latencyMs,
  }
}
