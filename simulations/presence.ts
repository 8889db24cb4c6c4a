/**
 * Who is online now, and how long all of them have been: counted by who comes and goes, so that it
 * may judge the accounts, which count what was done.
 */
import type { EventQueue } from './event-queue.ts'

export interface Presence<Member> {
  readonly size: number
  add(member: Member): void
  delete(member: Member): void
  [Symbol.iterator](): Iterator<Member>
  /** Milliseconds online so far, of all together. */
  onlineMs(): number
}

export function createPresence<Member>(queue: EventQueue): Presence<Member> {
  const online = new Set<Member>()
  let ms = 0
  let since = 0

  function moveOn(): void {
    ms += online.size * (queue.now - since)
    since = queue.now
  }

  return {
    get size() {
      return online.size
    },
    add: (member) => {
      moveOn()
      online.add(member)
    },
    delete: (member) => {
      moveOn()
      online.delete(member)
    },
    [Symbol.iterator]: () => online.values(),
    onlineMs: () => {
      moveOn()
      return ms
    },
  }
}
