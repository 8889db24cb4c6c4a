/** A journal on a disk that fails at the n-th append, once: nothing of that append is kept. */
import { StorageError } from '../../node/storage/errors.ts'
import type { Journal } from '../../node/storage/journal.ts'

/** @param n counts from 0 */
export function failing(journal: Journal, n: number): Journal {
  let appends = 0
  return {
    ...journal,
    append(bodies) {
      if (appends++ === n) throw new StorageError('full', `append ${n} failed: the disk is full`)
      journal.append(bodies)
    },
  }
}
