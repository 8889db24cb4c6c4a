/**
 * The journal: what happened to a run, in order, each entry chained to the one before by its hash,
 * so that nothing can be changed or left out in the middle unnoticed. An append is one transaction,
 * on disk when it returns: whoever acknowledges afterwards never has to take it back. Snapshots
 * shorten the replay.
 */
import { chainDigest, type Digest, digestOf, utf8ToBytes } from '../../protocol/digest.ts'
import { assert } from '../../protocol/errors.ts'
import type { RunId } from '../../protocol/run-config.ts'

export interface JournalEntry {
  /** Counts from 1. */
  seq: number
  body: Uint8Array
  /** chainDigest(chain of the entry before, body) */
  chain: Digest
}

/** The newest entry; seq 0 and the genesis digest when there is none. */
export type JournalHead = Pick<JournalEntry, 'seq' | 'chain'>

export interface Snapshot {
  /** The newest entry that is folded into it. */
  seq: number
  bytes: Uint8Array
}

export interface Journal {
  readonly runId: RunId
  /**
   * All of them or, when it throws StorageError, none: the journal stays usable and unchanged then.
   */
  append(bodies: readonly Uint8Array[]): void
  /** Entries from `from` (1 by default), in order. */
  read(from?: number): Iterable<JournalEntry>
  head(): JournalHead
  /** Keeps the newest two. */
  putSnapshot(seq: number, bytes: Uint8Array): void
  /** The newest that is whole and belongs to this chain. */
  latestSnapshot(): Snapshot | null
  close(): void
}

/** A second one, for when the newest is damaged. */
export const SNAPSHOTS_KEPT = 2

/** What the first entry is chained to: entries of one run never fit another. */
export function genesisOf(runId: RunId): Digest {
  return digestOf(utf8ToBytes(`barnraise journal ${runId}`))
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

/** A journal in memory, with the same promises except to outlive the process. */
export function createMemoryJournal(runId: RunId): Journal {
  const entries: JournalEntry[] = []
  let snapshots: Snapshot[] = []
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
    putSnapshot(seq, bytes) {
      assert(seq <= entries.length, `a snapshot at ${seq} has its entries`)
      const others = snapshots.filter((snapshot) => snapshot.seq !== seq)
      snapshots = [...others, { seq, bytes: Uint8Array.from(bytes) }]
        .sort((a, b) => a.seq - b.seq)
        .slice(-SNAPSHOTS_KEPT)
    },
    latestSnapshot: () => snapshots.at(-1) ?? null,
    close() {},
  }
}
