/**
 * A link that many transfers share: max-min fair, so that each gets its own speed or, where the
 * link is full, an equal part of it. Transfers of the same own speed get on equally fast; they form
 * a class with one clock (bytes that each of its members has got), so that a start or an end costs
 * as much as there are classes, not transfers.
 *
 * Source: Bertsekas and Gallager 1992, Data Networks, §6.5.2 (max-min fairness by filling);
 * Parekh and Gallager 1993 (virtual time).
 */
import { type DeadlineQueue, peekDeadline, pushDeadline } from '../coordinator/index.ts'
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
  /** What each member gets now. */
  rate: number
  /** What each member has got since the class began. */
  got: number
  count: number
  ends: DeadlineQueue<number>
}

interface LinkState {
  queue: EventQueue
  capacity: number
  /** Slowest first. */
  classes: SpeedClass[]
  running: Map<number, { of: SpeedClass; onDone: () => void }>
  lastId: number
  bytes: number
  updatedAt: number
  /** When the first transfer ends; and when a look is due, which may be sooner. */
  endsAt: number
  looksAt: number
}

export function createFairLink(queue: EventQueue, capacity: number): FairLink {
  const link: LinkState = {
    queue,
    capacity,
    classes: [],
    running: new Map(),
    lastId: 0,
    bytes: 0,
    updatedAt: 0,
    endsAt: Number.POSITIVE_INFINITY,
    looksAt: Number.POSITIVE_INFINITY,
  }
  return {
    get bytes() {
      return link.bytes
    },
    start: (speed, bytes, onDone) => {
      const id = start(link, speed, bytes, onDone)
      return { cancel: () => cancel(link, id) }
    },
  }
}

function start(link: LinkState, speed: number, bytes: number, onDone: () => void): number {
  moveOn(link)
  link.lastId += 1
  const of = classOf(link, speed)
  if (of.count === 0) of.got = 0
  of.count += 1
  pushDeadline(of.ends, { at: of.got + bytes, key: link.lastId })
  link.running.set(link.lastId, { of, onDone })
  share(link)
  return link.lastId
}

function cancel(link: LinkState, id: number): void {
  if (!link.running.has(id)) return
  moveOn(link)
  remove(link, id)
  share(link)
}

function classOf({ classes }: LinkState, speed: number): SpeedClass {
  let index = 0
  while (index < classes.length && classes[index]!.speed < speed) index += 1
  if (classes[index]?.speed !== speed) {
    classes.splice(index, 0, { speed, rate: 0, got: 0, count: 0, ends: [] })
  }
  return classes[index]!
}

function moveOn(link: LinkState): void {
  const { now } = link.queue
  const ms = now - link.updatedAt
  link.updatedAt = now
  if (ms === 0) return
  for (const each of link.classes) {
    if (each.count === 0) continue
    each.got += each.rate * ms
    link.bytes += each.count * each.rate * ms
  }
}

/** Fills all rates up from the slowest, then sleeps until the first transfer ends. */
function share(link: LinkState): void {
  const { now } = link.queue
  let free = link.capacity
  let left = link.running.size
  link.endsAt = Number.POSITIVE_INFINITY
  for (const each of link.classes) {
    if (each.count === 0) continue
    each.rate = Math.min(each.speed, free / left)
    free -= each.rate * each.count
    left -= each.count
    const { at } = nextEnd(link, each)!
    link.endsAt = Math.min(link.endsAt, now + Math.max(0, at - each.got) / each.rate)
  }
  if (link.endsAt < link.looksAt) lookAt(link, link.endsAt)
}

const nextEnd = ({ running }: LinkState, { ends }: SpeedClass) =>
  peekDeadline(ends, ({ key }) => running.has(key))

/** A full link changes its mind at every start and end; only one look is on its way. */
function lookAt(link: LinkState, time: number): void {
  link.looksAt = time
  link.queue.at(time, () => look(link))
}

function look(link: LinkState): void {
  const { now } = link.queue
  if (now !== link.looksAt) return
  link.looksAt = Number.POSITIVE_INFINITY
  if (link.endsAt <= now) finish(link)
  else if (link.endsAt < link.looksAt) lookAt(link, link.endsAt)
}

function finish(link: LinkState): void {
  moveOn(link)
  const done: (() => void)[] = []
  for (const each of link.classes) {
    for (;;) {
      const end = nextEnd(link, each)
      // Half a byte: what is left of a rounding.
      if (end === null || end.at > each.got + 0.5) break
      done.push(link.running.get(end.key)!.onDone)
      remove(link, end.key)
    }
  }
  share(link)
  for (const onDone of done) onDone()
}

function remove({ running }: LinkState, id: number): void {
  running.get(id)!.of.count -= 1
  running.delete(id)
}
