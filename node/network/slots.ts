/** A few places that many wait for, first come, first served. */

export interface Slots {
  /** Runs `work` in a slot. @throws the signal's reason when it aborts before a slot is free */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>
  readonly taken: number
  readonly waiting: number
}

export function createSlots(count: number): Slots {
  let taken = 0
  const queue: (() => void)[] = []

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
      turn.reject(signal.reason)
    }
    queue.push(enter)
    signal.addEventListener('abort', leave, { once: true })
    await turn.promise
  }

  /** The slot goes straight to who waits longest, so that nobody who comes later can take it. */
  function release(): void {
    const next = queue.shift()
    if (next === undefined) taken--
    else next()
  }

  return {
    async run(signal, work) {
      await wait(signal)
      try {
        return await work()
      } finally {
        release()
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
