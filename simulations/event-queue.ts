/**
 * Virtual time: what is to happen, in order. A binary heap (Williams 1964, Algorithm 232) in
 * parallel arrays, because tens of millions of entries pass through it; equal times keep the order
 * in which they were asked for, so that one seed tells one story.
 */
export interface EventQueue {
  /** Milliseconds of virtual time. */
  readonly now: number
  /** Entries that are waiting. */
  readonly length: number
  /** Entries that have happened. */
  readonly count: number
  at(time: number, run: () => void): void
  after(ms: number, run: () => void): void
  /** Lets everything happen up to `time`, or until `enough`; the clock then stands at `time`. */
  runUntil(time: number, enough?: () => boolean): void
}

export function createEventQueue(): EventQueue {
  const times: number[] = []
  const orders: number[] = []
  const runs: (() => void)[] = []
  let now = 0
  let count = 0
  let order = 0

  function push(time: number, run: () => void): void {
    let hole = times.length
    order += 1
    // A later entry is never before one of the same time, so times alone decide on the way up.
    while (hole > 0) {
      const parent = (hole - 1) >>> 1
      if (times[parent]! <= time) break
      move(parent, hole)
      hole = parent
    }
    place(hole, time, order, run)
  }

  function pop(): () => void {
    const first = runs[0]!
    const time = times.pop()!
    const lastOrder = orders.pop()!
    const run = runs.pop()!
    if (times.length > 0) sink(time, lastOrder, run)
    return first
  }

  function sink(time: number, lastOrder: number, run: () => void): void {
    let hole = 0
    for (;;) {
      let child = 2 * hole + 1
      if (child >= times.length) break
      if (child + 1 < times.length && isBefore(child + 1, times[child]!, orders[child]!)) child += 1
      if (!isBefore(child, time, lastOrder)) break
      move(child, hole)
      hole = child
    }
    place(hole, time, lastOrder, run)
  }

  function isBefore(index: number, time: number, otherOrder: number): boolean {
    return times[index]! < time || (times[index] === time && orders[index]! < otherOrder)
  }

  function move(from: number, to: number): void {
    place(to, times[from]!, orders[from]!, runs[from]!)
  }

  function place(index: number, time: number, itsOrder: number, run: () => void): void {
    times[index] = time
    orders[index] = itsOrder
    runs[index] = run
  }

  return {
    get now() {
      return now
    },
    get length() {
      return times.length
    },
    get count() {
      return count
    },
    at: (time, run) => push(Math.max(time, now), run),
    after: (ms, run) => push(now + Math.max(0, ms), run),
    runUntil: (time, enough = () => false) => {
      while (times.length > 0 && times[0]! <= time && !enough()) {
        now = times[0]!
        count += 1
        pop()()
      }
      if (!enough()) now = Math.max(now, time)
    },
  }
}
