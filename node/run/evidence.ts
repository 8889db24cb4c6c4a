/** What a run is checked by, wherever it lies: the run's folder, a published one, a web server. */
import type { Digest, PeerId, RunConfig, RunId } from '../../protocol/index.ts'
import type { BlobFile } from '../storage/blob-store.ts'
import type { JournalEntry, JournalHead } from '../storage/journal.ts'
import type { Mismatch } from './mismatch.ts'

/** Blobs by their digest. */
export interface BlobReader {
  /**
   * The caller's own bytes, which match the digest.
   * @param bytesMax more is not even fetched
   */
  read(digest: Digest, bytesMax: number): Promise<Uint8Array>
  /** The same, for whoever reads it piece by piece; left out where there is no file of it. */
  file?(digest: Digest): Promise<BlobFile>
}

export interface Evidence {
  /** Where it lies, for messages. */
  place: string
  /** Canonical bytes of the RunConfig. */
  runConfig: Uint8Array
  /** Which run it says it is, and who coordinated it; null: it does not say. */
  claimed: { run: RunId | null; coordinator: PeerId | null }
  /** @throws Error in the middle, where it cannot be read on */
  journal(runId: RunId): AsyncIterable<JournalEntry> | Iterable<JournalEntry>
  blobs: BlobReader
  /** Whether it also holds what follows from the rest: the adapter and update of each round. */
  holdsResults: boolean
  /** SHA-256, the fastest that there is. */
  digestOf(bytes: Uint8Array): Promise<Digest>
  /**
   * The figures that a page shows of it; null: none.
   * @throws Error when they cannot be read, or have more bytes
   */
  figures(bytesMax: number): Promise<Uint8Array | null>
  /** What is wrong with what it claims of itself, before anything is read by it. */
  checkClaim(coordinator: PeerId): Promise<Mismatch | null>
  /** What is wrong with a journal that ends there. */
  checkHead(head: JournalHead): Mismatch | null
  /** Looks at what re-merging does not: files and blobs that lie beside. */
  checkRest(config: RunConfig, hear: (mismatch: Mismatch) => void): Promise<void>
  /** What is not there to be checked, in sentences. */
  gaps: readonly string[]
}
