/**
 * A trace of sessions from a file that a stranger may have made: read in a thread of its own, which
 * is ended where the file takes more time or memory than its size can be worth.
 */
import type { Trace, TraceOptions } from '../../simulations/index.ts'
import { BOUNDS, workInThread } from '../bounded-thread.ts'

export interface ReadTrace extends Trace {
  /** SHA-256 of the file as it is, in hexadecimal digits. */
  digest: string
}

export type TraceTask = TraceOptions

/** @throws ConfigError that names the file, the line, and what is wrong there */
export function readTrace(file: string, mergesOverlaps: boolean): Promise<ReadTrace> {
  const module = new URL('./simulate-reader.ts', import.meta.url)
  const task: TraceTask = { file, mergesOverlaps }
  return workInThread<ReadTrace>(module, task, { ...BOUNDS, task: 'read the trace' })
}
