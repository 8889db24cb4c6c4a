/**
 * Churn as it was: sessions from a table, one a line, instead of a preset's laws.
 *
 *   volunteer,start,end,how,step_ms,up_mbit,down_mbit,latency_ms
 *   ann,0,3600,leave,9000,8,40,25
 *   ben,120.5,900
 *
 * `start` and `end` are seconds on any clock, such as those since 1970: the run begins with the
 * first session. `how` a session ends is leave, sleep, crash (the process dies, and its system
 * hangs up) or vanish (default). The last four are the machine's,
 * taken from a volunteer's first line; what is missing is drawn as for a laptop at home. Columns
 * may come in any order; only the first three must be there.
 */
import { ConfigError } from '../protocol/index.ts'
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

const COLUMNS = [
  'volunteer',
  'start',
  'end',
  'how',
  'step_ms',
  'up_mbit',
  'down_mbit',
  'latency_ms',
] as const
type Column = (typeof COLUMNS)[number]
const REQUIRED: readonly Column[] = ['volunteer', 'start', 'end']
const ENDS: readonly SessionEnd[] = ['leave', 'sleep', 'crash', 'vanish']
const TRACE_ROWS_MAX = 10_000_000
/** Seconds since 1970 stay below it for three thousand years; milliseconds do not. */
const SECONDS_MAX = 1e11
const DAY_MS = 86_400_000

/**
 * The sessions in the order of the table, the first of them from 0.
 * @throws ConfigError that names the line
 */
export function parseTrace(csv: string): TraceRow[] {
  const lines = csv.replace(/^\uFEFF/, '').split(/\r?\n/)
  const names = (lines[0] ?? '').split(',').map((name) => name.trim())
  const columns = new Map(names.map((name, index) => [name, index]))
  for (const name of names) {
    if (!(COLUMNS as readonly string[]).includes(name)) {
      refuse(1, `'${name}' is no column: they are ${COLUMNS.join(', ')}`)
    }
  }
  for (const name of REQUIRED) if (!columns.has(name)) refuse(1, `column '${name}' is missing`)
  const rows: TraceRow[] = []
  lines.slice(1).forEach((line, index) => {
    if (line.trim() !== '') rows.push(rowOf(line.split(','), columns, index + 2))
  })
  if (rows.length === 0) refuse(2, 'there is no session')
  if (rows.length > TRACE_ROWS_MAX) refuse(TRACE_ROWS_MAX + 2, 'there are too many sessions')
  checkOverlaps(rows)
  return fromZero(rows)
}

function fromZero(rows: readonly TraceRow[]): TraceRow[] {
  const first = rows.reduce((least, { startMs }) => Math.min(least, startMs), Infinity)
  return rows.map((row) => ({ ...row, startMs: row.startMs - first, endMs: row.endMs - first }))
}

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

function rowOf(
  cells: readonly string[],
  columns: ReadonlyMap<string, number>,
  line: number,
): TraceRow {
  const cell = (name: Column) => cells[columns.get(name) ?? -1]?.trim() ?? ''
  const numberOf = (name: Column, min: number) => {
    const value = Number(cell(name))
    if (cell(name) !== '' && Number.isFinite(value) && value >= min) return value
    return refuse(line, `'${name}' must be a number from ${min}: it is '${cell(name)}'`)
  }
  const optional = (name: Column) => (cell(name) === '' ? null : numberOf(name, 0.001))
  const volunteer = cell('volunteer')
  if (volunteer === '') refuse(line, "'volunteer' is empty")
  const [startMs, endMs] = [1000 * numberOf('start', 0), 1000 * numberOf('end', 0)]
  if (endMs >= 1000 * SECONDS_MAX) refuse(line, `'end' must be in seconds: ${endMs / 1000} is not`)
  if (endMs <= startMs) refuse(line, `'end' must be after 'start': ${endMs / 1000} is not`)
  const how = cell('how') === '' ? 'vanish' : cell('how')
  const end = ENDS.find((name) => name === how)
  return {
    volunteer,
    startMs,
    endMs,
    end: end ?? refuse(line, `'how' must be one of ${ENDS.join(', ')}: it is '${how}'`),
    stepMs: optional('step_ms'),
    upMbit: optional('up_mbit'),
    downMbit: optional('down_mbit'),
    latencyMs: optional('latency_ms'),
  }
}

function checkOverlaps(rows: readonly TraceRow[]): void {
  const until = new Map<string, number>()
  for (const { volunteer, startMs, endMs } of rows.toSorted((a, b) => a.startMs - b.startMs)) {
    if (startMs < (until.get(volunteer) ?? 0)) {
      throw new ConfigError(
        `Cannot use the trace as ${volunteer} is there twice at second ${startMs / 1000}`,
      )
    }
    until.set(volunteer, endMs)
  }
}

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

function refuse(line: number, why: string): never {
  throw new ConfigError(`Cannot use the trace as, in line ${line}, ${why}`)
}
