/**
 * Sessions as a file has them, whatever its format: where each was found, and what becomes of those
 * that cannot be so. A volunteer is one machine, so its sessions may not overlap: they are refused,
 * or merged where that was asked for. What is left out or changed is told in a note.
 */
import { ConfigError, counted } from '../../protocol/index.ts'
import type { TraceRow } from '../trace.ts'

export const TRACE_FORMATS = ['csv', 'parquet', 'failure-trace-archive', 'fedscale'] as const
export type TraceFormat = (typeof TRACE_FORMATS)[number]

export interface TraceSource {
  /** Its name, as errors have it. */
  file: string
  format: TraceFormat
}

export interface FoundSession extends TraceRow {
  /** Counted from 1: the line, the row of a Parquet file, or which of its client in FedScale's. */
  place: number
}

export interface FoundSessions {
  sessions: FoundSession[]
  /** What of the file is not used, as sentences. */
  notes: string[]
}

const SESSIONS_MAX = 10_000_000
/** Seconds since 1970 stay below it for three thousand years; milliseconds do not. */
const SECONDS_MAX = 1e11

/** @throws ConfigError that names the file, the place, and what is wrong there */
export function refuse({ file }: TraceSource, where: string, why: string): never {
  throw new ConfigError(`Cannot use the trace '${file}' as, in ${where}, ${why}`)
}

export function placeName(
  { format }: TraceSource,
  { place, volunteer }: Pick<FoundSession, 'place' | 'volunteer'>,
): string {
  if (format === 'fedscale') return `session ${place} of client ${quoted(volunteer)}`
  return format === 'parquet' ? `row ${place}` : `line ${place}`
}

/** A number of seconds as a file writes it. @throws ConfigError unless it is one, from 0 */
export function secondsOf(source: TraceSource, where: string, name: string, text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!(Number.isFinite(value) && value >= 0)) {
    refuse(source, where, `'${name}' must be a number from 0: it is ${quoted(text)}`)
  }
  if (value < SECONDS_MAX) return value
  return refuse(source, where, `'${name}' must be in seconds: ${value} is not. Divide it by 1000`)
}

const SHOWN_MAX = 60

/** What a file says, as an error repeats it: its begin, where it is long. */
export const quoted = (text: string): string =>
  text.length > SHOWN_MAX ? `'${text.slice(0, SHOWN_MAX)}…'` : `'${text}'`

/**
 * The rows of a trace, in the order of the file, the first of them from 0.
 * @throws ConfigError where there is none, or where sessions overlap that are not to be merged
 */
export function settled(
  source: TraceSource,
  { sessions, notes }: FoundSessions,
  mergesOverlaps: boolean,
): { rows: TraceRow[]; notes: string[] } {
  if (sessions.length === 0) refuse(source, 'all of it', 'there is no session')
  if (sessions.length > SESSIONS_MAX) {
    refuse(source, 'all of it', `there are more than ${SESSIONS_MAX} sessions: give a part of it`)
  }
  const { kept, merged } = withoutOverlaps(source, sessions, mergesOverlaps)
  const told = merged === 0 ? [] : [mergedNote(merged)]
  return { rows: fromZero(kept), notes: [...notes, ...told] }
}

const mergedNote = (merged: number): string =>
  `${counted(merged, 'session')} overlapped an earlier one of the same volunteer, ` +
  'and became part of it'

function withoutOverlaps(
  source: TraceSource,
  sessions: readonly FoundSession[],
  mergesOverlaps: boolean,
): { kept: FoundSession[]; merged: number } {
  const latest = new Map<string, FoundSession>()
  const dropped = new Set<FoundSession>()
  for (const session of sessions.toSorted((a, b) => a.startMs - b.startMs)) {
    const before = latest.get(session.volunteer)
    if (before === undefined || session.startMs >= before.endMs) {
      latest.set(session.volunteer, session)
      continue
    }
    if (!mergesOverlaps) refuseOverlap(source, session, before)
    dropped.add(session)
    if (session.endMs <= before.endMs) continue
    before.endMs = session.endMs
    before.end = session.end
  }
  const kept = sessions.filter((session) => !dropped.has(session))
  return { kept, merged: dropped.size }
}

function refuseOverlap(source: TraceSource, session: FoundSession, before: FoundSession): never {
  const [start, end] = [session.startMs / 1000, before.endMs / 1000]
  refuse(
    source,
    placeName(source, session),
    `${quoted(session.volunteer)} comes at second ${start}, but is there until second ${end} by ` +
      `${placeName(source, before)}. Mend the file, or merge such sessions with '--merge-overlaps'`,
  )
}

function fromZero(sessions: readonly FoundSession[]): TraceRow[] {
  const first = sessions.reduce((least, { startMs }) => Math.min(least, startMs), Infinity)
  return sessions.map(({ place: _, ...row }) => {
    row.startMs -= first
    row.endMs -= first
    return row
  })
}
