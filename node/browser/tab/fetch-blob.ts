/**
 * A blob over HTTP, by its digest, into the blobs of this page. What came before a connection broke
 * stays, and the next attempt asks for the rest alone.
 */
import { BLOB_CHUNK_BYTES, type BlobReference, ProtocolError } from '../../../protocol/index.ts'
import { inChunks } from '../../network/chunks.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { OWN, type PartialBlob } from '../../storage/partial-blob.ts'
import { piecesOf } from '../../stream-pieces.ts'

/** The browser's `fetch`, or that of a test. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface BlobSource {
  /** The address of all blobs: a digest is appended to it. */
  address: string
  headers: Record<string, string>
  fetch: Fetch
  /** Hears how many bytes of the blob are here. */
  onProgress(bytes: number): void
}

/**
 * @throws Error when the coordinator does not give it; ProtocolError when it gives other bytes, of
 *   which none is kept
 */
export async function fetchBlob(
  blobs: BlobStore,
  blob: BlobReference,
  source: BlobSource,
): Promise<void> {
  if (await blobs.has(blob.digest)) return
  const partial = await blobs.openPartial(OWN, blob)
  try {
    const kept = partial.chunks
    await fetchRest(partial, blob, source)
    try {
      await partial.finish()
    } catch (error) {
      // What was kept of an earlier attempt may be what is wrong: it is gone, so fetch all.
      if (kept === 0 || !(error instanceof ProtocolError)) throw error
      await fetchRest(partial, blob, source)
      await partial.finish()
    }
  } finally {
    await partial.close()
  }
}

async function fetchRest(
  partial: PartialBlob,
  { digest, bytes }: BlobReference,
  { address, headers, fetch, onProgress }: BlobSource,
): Promise<void> {
  let here = Math.min(bytes, partial.chunks * BLOB_CHUNK_BYTES)
  if (here === bytes) return
  const range = here > 0 ? { Range: `bytes=${here}-` } : {}
  const response = await fetch(address + digest, { headers: { ...headers, ...range } })
  checkAnswer(response, here > 0 ? 206 : 200)
  for await (const chunk of inChunks(piecesOf(response.body), bytes - here)) {
    await partial.append(chunk)
    here += chunk.length
    onProgress(here)
  }
}

function checkAnswer({ status, statusText }: Response, expected: number): void {
  if (status === expected) return
  throw new Error(`Cannot fetch the model as the coordinator answered ${status} ${statusText}`)
}
