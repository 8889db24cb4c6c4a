/** Places that many wait for, first come, first served, as the coordinator gives them out. */
export interface Slots {
  /** Calls `enter` when there is a place; what it returns gives the place, or the wait, up. */
  take(enter: () => void): () => void
}

export function createSlots(count: number): Slots {
  const waiting = new Set<() => void>()
  let free = count

  function release(): void {
    const [next] = waiting
    if (next === undefined) {
      free += 1
      return
    }
    waiting.delete(next)
    next()
  }

  return {
    take: (enter) => {
      let state: 'waiting' | 'inside' | 'gone' = 'waiting'
      const turn = (): void => {
        state = 'inside'
        enter()
      }
      if (free > 0) {
        free -= 1
        turn()
      } else waiting.add(turn)
      return () => {
        if (state === 'waiting') waiting.delete(turn)
        if (state === 'inside') release()
        state = 'gone'
      }
    },
  }
}
