/**
 * A link that many transfers share: max-min fair, so that each gets its own speed or, where the
 * link is full, an equal part of it. Transfers of the same own speed get on equally fast; they form
 * a class with one clock (bytes that each of its members has got), so that a start or an end costs
 * as much as there are classes, not transfers.
 *
 * Source: Bertsekas and Gallager 1992, Data Networks, §6.5.2 (max-min fairness by filling);
 * Parekh and Gallager 1993 (virtual time).
 */
import { type DeadlineQueue, peekDeadline, pushDeadline } from '../coordinator/deadlines.ts'
import type { EventQueue } from './event-queue.ts'

export interface Transfer {
  cancel(): void
}

export interface FairLink {
  /** @param speed the transfer's own limit, bytes a millisecond */
  start(speed: number, bytes: number, onDone: () => void): Transfer
  /** Bytes moved so far. */
  readonly bytes: number
}

interface SpeedClass {
  speed: number
  /** Of each member, now. */
  rate: number
  /** What each member has got since the class began. */
  got: number
  count: number
  ends: DeadlineQueue<number>
}

export function createFairLink(queue: EventQueue, capacity: number): FairLink {
  /** Slowest first. */
  const classes: SpeedClass[] = []
  const running = new Map<number, { of: SpeedClass; onDone: () => void }>()
  let lastId = 0
  let total = 0
  let updatedAt = 0
  /** When the first transfer ends; and when a look is due, which may be sooner. */
  let endsAt = Number.POSITIVE_INFINITY
  let looksAt = Number.POSITIVE_INFINITY

  const isRunning = ({ key }: { key: number }): boolean => running.has(key)

  function classOf(speed: number): SpeedClass {
    let index = 0
    while (index < classes.length && classes[index]!.speed < speed) index += 1
    if (classes[index]?.speed !== speed) {
      classes.splice(index, 0, { speed, rate: 0, got: 0, count: 0, ends: [] })
    }
    return classes[index]!
  }

  function moveOn(): void {
    const ms = queue.now - updatedAt
    updatedAt = queue.now
    if (ms === 0) return
    for (const each of classes) {
      if (each.count === 0) continue
      each.got += each.rate * ms
      total += each.count * each.rate * ms
    }
  }

  /** Fills all rates up from the slowest, then sleeps until the first transfer ends. */
  function share(): void {
    let free = capacity
    let left = running.size
    let next = Number.POSITIVE_INFINITY
    for (const each of classes) {
      if (each.count === 0) continue
      each.rate = Math.min(each.speed, free / left)
      free -= each.rate * each.count
      left -= each.count
      const end = peekDeadline(each.ends, isRunning)!
      next = Math.min(next, queue.now + Math.max(0, end.at - each.got) / each.rate)
    }
    endsAt = next
    if (endsAt < looksAt) lookAt(endsAt)
  }

  /** A full link changes its mind at every start and end; only one look is on its way. */
  function lookAt(time: number): void {
    looksAt = time
    queue.at(time, look)
  }

  function look(): void {
    if (queue.now !== looksAt) return
    looksAt = Number.POSITIVE_INFINITY
    if (endsAt <= queue.now) finish()
    else if (endsAt < looksAt) lookAt(endsAt)
  }

  function finish(): void {
    moveOn()
    const done: (() => void)[] = []
    for (const each of classes) {
      for (;;) {
        const end = peekDeadline(each.ends, isRunning)
        // Half a byte: what is left of a rounding.
        if (end === null || end.at > each.got + 0.5) break
        done.push(running.get(end.key)!.onDone)
        remove(end.key)
      }
    }
    share()
    for (const onDone of done) onDone()
  }

  function remove(id: number): void {
    running.get(id)!.of.count -= 1
    running.delete(id)
  }

  return {
    get bytes() {
      return total
    },
    start: (speed, bytes, onDone) => {
      moveOn()
      lastId += 1
      const id = lastId
      const of = classOf(speed)
      if (of.count === 0) of.got = 0
      of.count += 1
      pushDeadline(of.ends, { at: of.got + bytes, key: id })
      running.set(id, { of, onDone })
      share()
      return {
        cancel: () => {
          if (!running.has(id)) return
          moveOn()
          remove(id)
          share()
        },
      }
    },
  }
}
