/** A journal, checked from its first entry on as a verifier reads it. */
import { createChainCheck } from '../../node/storage/journal.ts'
import { readUntouched } from '../../node/storage/sqlite-journal.ts'

export interface JournalVerdict {
  ok: boolean
  /** Entries that are whole and in their place, from the first. */
  entries: number
  /** The first that isn't; null when all are. */
  firstBad: number | null
  reason: string | null
}

/** @throws StorageError or ConfigError when it can't be read as a journal of this run at all */
export function verifyJournal(file: string, runId: string): JournalVerdict {
  const journal = readUntouched(file, runId)
  try {
    const chain = createChainCheck(runId)
    for (const entry of journal.read()) {
      const reason = chain.check(entry)
      const entries = chain.head().seq
      if (reason !== null) return { ok: false, entries, firstBad: entries + 1, reason }
    }
    return { ok: true, entries: chain.head().seq, firstBad: null, reason: null }
  } finally {
    journal.close()
  }
}
