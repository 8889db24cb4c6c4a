/** A transfer that is not over, wherever its chunks are kept, and how much of them stays. */
import { BLOB_BYTES_MAX, type BlobManifest } from '../../protocol/index.ts'

export interface PartialBlob {
  /** Whole chunks that are here, from the first. */
  readonly chunks: number
  /** Drops the chunks from the first that doesn't match the manifest; returns how many stay. */
  keep(manifest: BlobManifest): Promise<number>
  append(chunk: Uint8Array): Promise<void>
  /** A chunk that is here, while the transfer is open. */
  readChunk(index: number): Promise<Uint8Array>
  /** Gives the blob its name. @throws ProtocolError `digest-mismatch`, and nothing is kept */
  finish(): Promise<void>
  /** Ends the transfer; what is here and not finished stays for the next attempt. */
  close(): Promise<void>
}

export interface PartialLimits {
  countMax: number
  bytesMax: number
}

/** The owner of what this process fetches for itself. */
export const OWN = 'own'
const OWN_LIMITS: PartialLimits = { countMax: 16, bytesMax: BLOB_BYTES_MAX }
/** A contribution is a few megabytes at most. */
const PEER_LIMITS: PartialLimits = { countMax: 2, bytesMax: 64 * 1024 * 1024 }

/** What stays for one owner when no transfer runs. */
export function limitsOf(owner: string): PartialLimits {
  return owner === OWN ? OWN_LIMITS : PEER_LIMITS
}

/** What is to be removed so that the newest stay within the limits. */
export function excess<T extends { bytes: number }>(newestFirst: T[], limits: PartialLimits): T[] {
  let bytes = 0
  return newestFirst.filter((kept, index) => {
    bytes += kept.bytes
    return index >= limits.countMax || bytes > limits.bytesMax
  })
}
