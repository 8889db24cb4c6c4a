/** What formats leave open that know only who was there when: how a session ends, and on what. */
import type { TraceRow } from '../trace.ts'

/** Nobody says good-bye in them, and machines are drawn as for a laptop at home. */
export const UNKNOWN: Omit<TraceRow, 'volunteer' | 'startMs' | 'endMs'> = {
  end: 'vanish',
  stepMs: null,
  upMbit: null,
  downMbit: null,
  latencyMs: null,
}
