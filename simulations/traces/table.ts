/**
 * Our own tables of sessions, as CSV (or with tabs) and Parquet: a session a row.
 *
 *   volunteer,start,end,how,step_ms,up_mbit,down_mbit,latency_ms
 *   ann,0,3600,leave,9000,8,40,25
 *   ben,120.5,900
 *
 * `start` and `end` are seconds on any clock. `how` a session ends is leave, sleep, crash (the
 * process dies, and its system hangs up) or vanish (default). The last four are the machine's,
 * taken from a volunteer's first row; what is missing is drawn as for a laptop at home. Columns may
 * come in any order; only the first three must be there.
 */
import type { SessionEnd } from '../churn.ts'
import {
  type FoundSession,
  type FoundSessions,
  placeName,
  quoted,
  refuse,
  secondsOf,
  type TraceSource,
} from './found-sessions.ts'

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

/** The text of a cell; empty: it is not there. */
type CellOf = (name: Column) => string

/** Whether a text begins as such a table does. */
export const isTable = (text: string): boolean =>
  /^(.*[,\t])?\s*volunteer\s*([,\t]|$)/m.test(headOf(text))

const headOf = (text: string): string => text.slice(0, 1000).split(/\r?\n/)[0]!

/** @throws ConfigError that names the line */
export function sessionsOfCsv(source: TraceSource, text: string): FoundSessions {
  const [head = '', ...lines] = text.split(/\r?\n/)
  const separator = head.includes('\t') ? '\t' : ','
  const names = head.split(separator).map((name) => name.trim())
  checkColumns(source, 'line 1', names)
  const missing = REQUIRED.find((name) => !names.includes(name))
  if (missing !== undefined) refuse(source, 'line 1', `column '${missing}' is missing`)
  const columns = new Map(names.map((name, index) => [name, index]))
  const sessions: FoundSession[] = []
  lines.forEach((line, index) => {
    if (line.trim() === '') return
    const cells = line.split(separator)
    const cellOf = (name: Column) => cells[columns.get(name) ?? -1]?.trim() ?? ''
    sessions.push(sessionOf(source, index + 2, cellOf))
  })
  return { sessions, notes: [] }
}

/** @throws ConfigError that names the row */
export function sessionsOfRecords(
  source: TraceSource,
  records: Iterable<Readonly<Record<string, unknown>>>,
): FoundSessions {
  const sessions: FoundSession[] = []
  for (const record of records) {
    const place = sessions.length + 1
    checkColumns(source, `row ${place}`, Object.keys(record))
    sessions.push(sessionOf(source, place, (name) => String(record[name] ?? '')))
  }
  return { sessions, notes: [] }
}

function checkColumns(source: TraceSource, where: string, names: readonly string[]): void {
  for (const name of names) {
    if ((COLUMNS as readonly string[]).includes(name)) continue
    refuse(source, where, `${quoted(name)} is no column: they are ${COLUMNS.join(', ')}`)
  }
}

function sessionOf(source: TraceSource, place: number, cellOf: CellOf): FoundSession {
  const volunteer = cellOf('volunteer')
  const where = placeName(source, { place, volunteer })
  if (volunteer === '') refuse(source, where, "'volunteer' is empty")
  const [start, end] = (['start', 'end'] as const).map((name) =>
    secondsOf(source, where, name, cellOf(name)),
  ) as [number, number]
  if (end <= start) refuse(source, where, `'end' must be after 'start' (${start}): it is ${end}`)
  const optional = (name: Column) => {
    const text = cellOf(name)
    const value = Number(text)
    if (text === '' || (Number.isFinite(value) && value >= 0.001)) return text === '' ? null : value
    return refuse(source, where, `'${name}' must be a number from 0.001: it is ${quoted(text)}`)
  }
  const how = cellOf('how') === '' ? 'vanish' : cellOf('how')
  const known = ENDS.find((name) => name === how)
  return {
    place,
    volunteer,
    startMs: 1000 * start,
    endMs: 1000 * end,
    end:
      known ??
      refuse(source, where, `'how' must be one of ${ENDS.join(', ')}: it is ${quoted(how)}`),
    stepMs: optional('step_ms'),
    upMbit: optional('up_mbit'),
    downMbit: optional('down_mbit'),
    latencyMs: optional('latency_ms'),
  }
}
