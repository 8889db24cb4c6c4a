/**
 * The journal: what happened to a run, in order, each entry chained to the one before by its hash,
 * so that nothing can be changed or left out in the middle unnoticed. An append is one transaction,
 * on disk when it returns: whoever acknowledges afterwards never has to take it back.
 */
import {
  chainDigest,
  type Digest,
  digestOf,
  type RunId,
  utf8ToBytes,
} from '../../protocol/index.ts'

export interface JournalEntry {
  /** Counts from 1. */
  seq: number
  body: Uint8Array
  /** chainDigest(chain of the entry before, body) */
  chain: Digest
}

/** The newest entry; seq 0 and the genesis digest when there is none. */
export type JournalHead = Pick<JournalEntry, 'seq' | 'chain'>

export interface Journal {
  readonly runId: RunId
  /**
   * All of them or, when it throws StorageError, none: the journal stays usable and unchanged then.
   */
  append(bodies: readonly Uint8Array[]): void
  /** Entries from `from` (1 by default), in order. */
  read(from?: number): Iterable<JournalEntry>
  head(): JournalHead
  close(): void
}

/** What the first entry is chained to: entries of one run never fit another. */
export function genesisOf(runId: RunId): Digest {
  return digestOf(utf8ToBytes(`barnraise journal ${runId}`))
}

/**
 * Follows a journal from its first entry: each call hears the next one, and says what is wrong with
 * it; null: it is whole and in its place.
 */
export function createChainCheck(runId: RunId): {
  check(entry: JournalEntry): string | null
  head(): JournalHead
} {
  let seq = 0
  let chain = genesisOf(runId)
  return {
    check(entry) {
      const place = seq + 1
      if (entry.seq !== place) {
        return `entry ${place} is missing: what stands in its place is entry ${entry.seq}`
      }
      const next = chainDigest(chain, entry.body)
      if (entry.chain !== next) return `entry ${place} is not what was written`
      seq = place
      chain = next
      return null
    },
    head: () => ({ seq, chain }),
  }
}

/** The entries that `bodies` become after `head`. */
export function chainEntries(head: JournalHead, bodies: readonly Uint8Array[]): JournalEntry[] {
  let { seq, chain } = head
  return bodies.map((body) => {
    chain = chainDigest(chain, body)
    seq++
    return { seq, body, chain }
  })
}
