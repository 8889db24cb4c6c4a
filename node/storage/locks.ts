/** Locks by name within this process: one holder each, the others wait in line. */
import { raceSignal } from 'race-signal'

export interface Locks {
  /** Waits for the lock and returns what gives it back. @throws the signal's reason */
  acquire(name: string, signal?: AbortSignal): Promise<() => void>
}

export function createLocks(): Locks {
  /** What the next in line waits for: everyone before it is done or has given up. */
  const tails = new Map<string, Promise<void>>()
  return {
    async acquire(name, signal) {
      signal?.throwIfAborted()
      const before = tails.get(name) ?? Promise.resolve()
      const mine = Promise.withResolvers<void>()
      const tail = before.then(() => mine.promise)
      tails.set(name, tail)
      void tail.then(() => {
        if (tails.get(name) === tail) tails.delete(name)
      })
      try {
        await raceSignal(before, signal)
      } catch (error) {
        mine.resolve()
        throw error
      }
      return mine.resolve
    },
  }
}
