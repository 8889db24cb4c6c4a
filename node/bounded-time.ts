/**
 * Work on what strangers made that has to be done where it is called, such as a tokenizer's on what
 * somebody types. V8 ends it when it takes longer than its size can be worth, in the middle of a
 * regular expression, too. What is large, or may fill memory, goes to bounded-thread.ts.
 */
import { createContext, Script } from 'node:vm'
import { ConfigError } from '../protocol/index.ts'
import { BOUNDS } from './bounded-thread.ts'

/** A script is what V8 ends after a time; this one calls what lies in its context. */
const SCRIPT = new Script('work()')
const CONTEXT: { work: (() => unknown) | null } = { work: null }
createContext(CONTEXT)

/**
 * @param task what is done, as messages have it: `read the data`
 * @param bytes the size of what it is done with
 * @throws ConfigError when it takes too long; else what the work throws
 */
export function withinTime<T>(task: string, bytes: number, work: () => T): T {
  const timeout = Math.round(BOUNDS.pieceMsMax + BOUNDS.byteMsMax * bytes)
  return withinMs(timeout, work, `Cannot ${task}`, 'it is broken, or made to do harm')
}

/**
 * @param cannot how the message begins
 * @param hint how it ends: who is at fault, or what to do
 * @throws ConfigError when it takes longer; else what the work throws
 */
export function withinMs<T>(timeout: number, work: () => T, cannot: string, hint: string): T {
  CONTEXT.work = work
  try {
    return SCRIPT.runInContext(CONTEXT, { timeout })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    throw new ConfigError(
      `${cannot} as it takes more than ${Math.round(timeout / 1000)} seconds: ${hint}`,
    )
  } finally {
    CONTEXT.work = null
  }
}
