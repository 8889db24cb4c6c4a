/** Time that passes only when the next thing happens. */
import { type DeadlineQueue, peekDeadline, pushDeadline } from '../../coordinator/deadlines.ts'

export interface VirtualClock {
  readonly now: number
  later(ms: number, action: () => void): void
  /** Does what is due, in order, until the condition holds, the time is over or nothing is left. */
  runUntil(condition: () => boolean, timeMax: number): void
}

export function createVirtualClock(): VirtualClock {
  const queue: DeadlineQueue<number> = []
  const actions = new Map<number, () => void>()
  let now = 0
  let order = 0

  function runNext(): boolean {
    const next = peekDeadline(queue, ({ key }) => actions.has(key))
    if (next === null) return false
    const action = actions.get(next.key)!
    actions.delete(next.key)
    now = next.at
    action()
    return true
  }

  return {
    get now() {
      return now
    },
    later: (ms, action) => {
      order += 1
      pushDeadline(queue, { at: now + ms, key: order })
      actions.set(order, action)
    },
    runUntil: (condition, timeMax) => {
      while (now < timeMax && !condition() && runNext());
    },
  }
}
