/** Churn as it was, from a file in one of several formats, told apart by what is in it. */
import type { TraceRow } from '../trace.ts'
import { isFailureTrace, sessionsOfFailureTrace } from './failure-trace-archive.ts'
import { isFedscale, sessionsOfFedscale } from './fedscale.ts'
import {
  type FoundSessions,
  settled,
  type TraceFormat,
  type TraceSource,
} from './found-sessions.ts'
import { isTable, sessionsOfCsv, sessionsOfRecords } from './table.ts'

export interface Trace {
  format: TraceFormat
  /** The first begins at 0. */
  rows: readonly TraceRow[]
  /** What of the file was changed or left out, as sentences. */
  notes: readonly string[]
}

export interface TraceOptions {
  /** The file's name, as errors have it. */
  file: string
  /** Overlapping sessions of a volunteer become one; otherwise they are refused. */
  mergesOverlaps?: boolean
}

/**
 * A text in our CSV, of the Failure Trace Archive, or FedScale's JSON.
 * @throws ConfigError that names the file, the line, and what is wrong there
 */
export function parseTrace(text: string, options: TraceOptions): Trace {
  const plain = text.replace(/^\uFEFF/, '')
  const format = formatOf(plain)
  const source: TraceSource = { file: options.file, format }
  return traceOf(source, READERS[format](source, plain), options)
}

/**
 * The rows of a Parquet file with the columns of our CSV.
 * @throws ConfigError that names the file, the row, and what is wrong there
 */
export function traceOfRecords(
  records: Iterable<Readonly<Record<string, unknown>>>,
  options: TraceOptions,
): Trace {
  const source: TraceSource = { file: options.file, format: 'parquet' }
  return traceOf(source, sessionsOfRecords(source, records), options)
}

type TextFormat = Exclude<TraceFormat, 'parquet'>

const READERS: Record<TextFormat, (source: TraceSource, text: string) => FoundSessions> = {
  csv: sessionsOfCsv,
  fedscale: sessionsOfFedscale,
  'failure-trace-archive': sessionsOfFailureTrace,
}

function formatOf(text: string): TextFormat {
  if (isTable(text)) return 'csv'
  if (isFedscale(text)) return 'fedscale'
  return isFailureTrace(text) ? 'failure-trace-archive' : 'csv'
}

function traceOf(source: TraceSource, found: FoundSessions, options: TraceOptions): Trace {
  const { rows, notes } = settled(source, found, options.mergesOverlaps ?? false)
  return { format: source.format, rows, notes }
}
