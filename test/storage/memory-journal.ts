import {
  chainEntries,
  genesisOf,
  type Journal,
  type JournalEntry,
} from '../../node/storage/journal.ts'
import type { RunId } from '../../protocol/index.ts'

/** A journal in memory, with the same promises except to outlive the process. */
export function createMemoryJournal(runId: RunId): Journal {
  const entries: JournalEntry[] = []
  const head = () => entries.at(-1) ?? { seq: 0, chain: genesisOf(runId) }
  return {
    runId,
    append(bodies) {
      const copies = bodies.map((body) => Uint8Array.from(body))
      entries.push(...chainEntries(head(), copies))
    },
    *read(from = 1) {
      for (let seq = from; seq <= entries.length; seq++) yield entries[seq - 1] as JournalEntry
    },
    head: () => ({ seq: head().seq, chain: head().chain }),
    close() {},
  }
}
