/**
 * A few places that many wait for, first come, first served. While others wait, whoever has had its
 * turn gives its place up, the longest there first: who takes its time would keep everybody out.
 */
import { TimeoutError } from './errors.ts'

export interface Slots {
  /**
   * Runs `work` in a slot, which has to end when the signal that it gets aborts.
   * @throws the signal's reason when it aborts before a slot is free
   */
  run<T>(signal: AbortSignal, work: (turn: AbortSignal) => Promise<T>): Promise<T>
  readonly taken: number
  readonly waiting: number
}

interface Holder {
  since: number
  turn: AbortController
}

/** @param turnMs how long a place is kept while others wait for one */
export function createSlots(count: number, turnMs = Number.POSITIVE_INFINITY): Slots {
  let taken = 0
  const queue: (() => void)[] = []
  /** Those in their turn, the longest there first. */
  const holders = new Set<Holder>()
  let timer: ReturnType<typeof setTimeout> | null = null

  async function wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (taken < count) {
      taken++
      return
    }
    const turn = Promise.withResolvers<void>()
    const enter = () => {
      signal.removeEventListener('abort', leave)
      turn.resolve()
    }
    const leave = () => {
      queue.splice(queue.indexOf(enter), 1)
      hurry()
      turn.reject(signal.reason)
    }
    queue.push(enter)
    signal.addEventListener('abort', leave, { once: true })
    hurry()
    await turn.promise
  }

  /** Ends the turn of whoever is there longest, when it is over and somebody waits. */
  function hurry(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    const [longest] = holders
    if (longest === undefined || queue.length === 0 || turnMs === Number.POSITIVE_INFINITY) return
    const leftMs = longest.since + turnMs - performance.now()
    if (leftMs > 0) {
      timer = setTimeout(hurry, leftMs)
      return
    }
    holders.delete(longest)
    longest.turn.abort(new TimeoutError('Others wait for this place: go on later'))
  }

  /** The slot goes straight to who waits longest, so that nobody who comes later can take it. */
  function release(holder: Holder): void {
    holders.delete(holder)
    const next = queue.shift()
    if (next === undefined) taken--
    else next()
    hurry()
  }

  return {
    async run(signal, work) {
      await wait(signal)
      const holder: Holder = { since: performance.now(), turn: new AbortController() }
      holders.add(holder)
      hurry()
      try {
        return await work(holder.turn.signal)
      } finally {
        release(holder)
      }
    },
    get taken() {
      return taken
    },
    get waiting() {
      return queue.length
    },
  }
}
