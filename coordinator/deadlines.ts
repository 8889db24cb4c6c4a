/**
 * A queue of deadlines: a binary heap (Williams 1964, Algorithm 232) whose entries may be out of
 * date. Who pops asks whether the entry still holds, so that moving a deadline is just pushing
 * another one.
 */
export interface Deadline<K extends string | number> {
  at: number
  key: K
}

export type DeadlineQueue<K extends string | number> = Deadline<K>[]

/**
 * Earlier times first; equal times in the order of their keys, so that it does not matter which
 * came first.
 */
function isBefore<K extends string | number>(a: Deadline<K>, b: Deadline<K>): boolean {
  return a.at < b.at || (a.at === b.at && a.key < b.key)
}

export function pushDeadline<K extends string | number>(
  queue: DeadlineQueue<K>,
  deadline: Deadline<K>,
): void {
  let hole = queue.push(deadline) - 1
  while (hole > 0) {
    const parent = (hole - 1) >>> 1
    if (!isBefore(deadline, queue[parent]!)) break
    queue[hole] = queue[parent]!
    hole = parent
  }
  queue[hole] = deadline
}

/** The earliest deadline that still holds, left in the queue; earlier ones are dropped. */
export function peekDeadline<K extends string | number>(
  queue: DeadlineQueue<K>,
  holds: (deadline: Deadline<K>) => boolean,
): Deadline<K> | null {
  while (queue.length > 0) {
    if (holds(queue[0]!)) return queue[0]!
    dropFirst(queue)
  }
  return null
}

function dropFirst<K extends string | number>(queue: DeadlineQueue<K>): void {
  const last = queue.pop()!
  if (queue.length === 0) return
  let hole = 0
  for (;;) {
    let child = 2 * hole + 1
    if (child >= queue.length) break
    if (child + 1 < queue.length && isBefore(queue[child + 1]!, queue[child]!)) child += 1
    if (!isBefore(queue[child]!, last)) break
    queue[hole] = queue[child]!
    hole = child
  }
  queue[hole] = last
}
