/**
 * Blobs by their SHA-256, as a peer holds them: on disk (file-blob-store.ts), in memory
 * (memory-blob-store.ts), or in the files of a browser.
 */
import type { BlobManifest, BlobReference, Digest } from '../../protocol/index.ts'
import type { PartialBlob } from './partial-blob.ts'

/**
 * A blob as another thread opens it: the path of its file, the file itself in a browser, its bytes
 * where there is no file.
 */
export type BlobFile = string | Blob | Uint8Array

export interface BlobStore {
  has(digest: Digest): Promise<boolean>
  put(bytes: Uint8Array): Promise<BlobReference>
  putStream(pieces: AsyncIterable<Uint8Array>): Promise<BlobReference>
  /**
   * The caller's own bytes. @throws LostBytesError when they are not here, or don't match the
   * digest
   */
  read(digest: Digest): Promise<Uint8Array>
  /** The same, for whoever reads it piece by piece; it was checked once. @throws like `read` */
  file(digest: Digest): Promise<BlobFile>
  /** One chunk, unchecked: whoever gets it checks it against the manifest. */
  readChunk(digest: Digest, index: number): Promise<Uint8Array>
  /** The chunk hashes of a stored blob. @throws like `read` */
  manifest(digest: Digest): Promise<BlobManifest>
  /** The file that the blob has or would have. */
  path(digest: Digest): string
  /** Sorted. */
  list(): Promise<Digest[]>
  remove(digest: Digest): Promise<void>
  /**
   * A transfer in progress, with what is left of an earlier one. One at a time for each owner and
   * blob: the next waits until this one is closed.
   */
  openPartial(owner: string, blob: BlobReference, signal?: AbortSignal): Promise<PartialBlob>
}
