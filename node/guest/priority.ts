/** The lowest priority: whatever else wants the processor gets it first. */
import { readdirSync } from 'node:fs'
import { platform, setPriority } from 'node:os'

/** What can be asked of a process: 19 is the lowest, 0 the usual one. */
export const NICE_MAX = 19

/**
 * Makes this process as unimportant as `nice` says, from 0 to 19; it can't be undone. On Linux the
 * number belongs to a thread, and those to come get it from the one that starts them, so all that
 * are there now have to be told.
 */
export function lowerPriority(nice: number): void {
  if (nice === 0) return
  const threads = platform() === 'linux' ? readdirSync('/proc/self/task').map(Number) : [0]
  for (const thread of threads) {
    try {
      setPriority(thread, nice)
    } catch (error) {
      // A thread may have ended meanwhile.
      if ((error as { info?: { code?: string } }).info?.code !== 'ESRCH') throw error
    }
  }
}
