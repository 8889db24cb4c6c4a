/**
 * Changes to all who watch, four times a second at most: written once, sent to each. Whoever comes
 * back says which sequence of which run it has seen, and gets the rows from there on.
 */
import type { ReadModel } from '../history/read-model.ts'
import type { Changes } from '../history/rows.ts'

export interface Watcher {
  /** Where it watches from; null where nobody knows. */
  readonly address: string | null
  /** `id` is what to come back with. */
  send(id: string, data: string): void
}

export interface Feed {
  /** Whether there is a place for one more from this address. */
  hasPlace(address: string | null): boolean
  /** Sends what the watcher lacks now, and what changes from then on; returns how to stop. */
  watch(watcher: Watcher, lastId: string | null): () => void
  close(): void
}

export const FLUSH_MS = 250
/** Watchers beyond this are told to come back later. */
export const WATCHERS_MAX = 500
/** One address gets a part of the places: a classroom's worth, but not all. */
export const WATCHERS_PER_ADDRESS_MAX = 100

/** `schedule` calls back every so often until its answer is called. */
export function createFeed(
  model: ReadModel,
  schedule: (flush: () => void) => () => void = everyQuarterSecond,
): Feed {
  const watchers = new Set<Watcher>()
  const idOf = ({ run, seq }: Changes) => `${run.runId.slice(0, 16)}:${seq}`
  const flush = () => {
    const changes = model.takeChanges()
    if (changes === null || watchers.size === 0) return
    const [id, data] = [idOf(changes), JSON.stringify(changes)]
    for (const watcher of watchers) watcher.send(id, data)
  }
  const stop = schedule(flush)
  return {
    hasPlace: (address) => {
      if (watchers.size >= WATCHERS_MAX) return false
      const near = [...watchers].filter((watcher) => watcher.address === address)
      return address === null || near.length < WATCHERS_PER_ADDRESS_MAX
    },
    watch: (watcher, lastId) => {
      // The others get what is new first, so that nothing is sent twice to this one.
      flush()
      const changes = model.changesFrom(seenOf(model, lastId))
      watcher.send(idOf(changes), JSON.stringify(changes))
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    close: () => {
      stop()
      watchers.clear()
    },
  }
}

/** The sequence that a watcher has seen; null where it is none of this run's. */
function seenOf({ run }: ReadModel, lastId: string | null): number | null {
  const [runDigits = '', digits = ''] = lastId?.split(':') ?? []
  const isOurs = runDigits !== '' && run.runId.startsWith(runDigits) && /^\d{1,15}$/.test(digits)
  const seq = Number(digits)
  return isOurs && seq <= run.seq ? seq : null
}

function everyQuarterSecond(flush: () => void): () => void {
  const timer = setInterval(flush, FLUSH_MS)
  return () => clearInterval(timer)
}
