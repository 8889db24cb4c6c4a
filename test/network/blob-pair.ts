/** A coordinator that serves blobs and a volunteer that moves them, each with a store. */
import { expect } from 'vitest'
import { serveBlobs } from '../../node/network/blobs.ts'
import type { ServeBlobsOptions } from '../../node/network/serve-blobs.ts'
import type { BlobStore } from '../../node/storage/blob-store.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import type { BlobReference } from '../../protocol/blob-reference.ts'
import { digestOf } from '../../protocol/digest.ts'
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'
import { nextUint32, prng } from '../../protocol/prng.ts'
import { type Pair, testPair, type Wire } from './hosts.ts'

/** Bytes of no pattern, so that a chunk in the wrong place is never the right one. */
export function randomBytes(length: number, seed = 1): Uint8Array {
  const random = prng(seed)
  const words = Uint32Array.from({ length: Math.ceil(length / 4) }, () => nextUint32(random))
  return new Uint8Array(words.buffer, 0, length)
}

/** Two and a half chunks. */
export const BLOB = randomBytes(2.5 * BLOB_CHUNK_BYTES)

export interface BlobPair extends Pair {
  /** The coordinator's. */
  theirs: BlobStore
  /** The volunteer's. */
  mine: BlobStore
  /** Uploads that were stored: [peer, leaseId, payload]. */
  uploaded: [string, number, BlobReference][]
  /** Uploads whose bytes were wrong: [peer, leaseId, reason]. */
  wrong: [string, number, string][]
  /** Errors of ours. */
  errors: Error[]
  /** Waits until the coordinator reads and writes nothing any more. */
  transfersEnded(): Promise<void>
}

export async function blobPair(
  wire: Wire,
  options: Partial<ServeBlobsOptions> & { theirs?: BlobStore; mine?: BlobStore } = {},
): Promise<BlobPair> {
  const { theirs = createMemoryBlobStore(), mine = createMemoryBlobStore(), ...serving } = options
  const pair = await testPair(wire)
  const seen: Pick<BlobPair, 'uploaded' | 'wrong' | 'errors'> = {
    uploaded: [],
    wrong: [],
    errors: [],
  }
  const transfersEnded = await serveBlobs(pair.coordinator, theirs, {
    mayServe: () => true,
    admitUpload: async (_, leaseId) => ({ type: 'go', leaseId }),
    onUploaded: (...upload) => {
      seen.uploaded.push(upload)
      return { status: 'taken' }
    },
    onUploadRefused: (...upload) => void seen.wrong.push(upload),
    onError: (error) => seen.errors.push(error),
    idleTimeoutMs: 30_000,
    ...serving,
  })
  return { ...pair, theirs, mine, ...seen, transfersEnded }
}

/** Compares at once; a difference of megabytes is not worth printing. */
export async function expectStored(store: BlobStore, bytes: Uint8Array): Promise<void> {
  const stored = await store.read(digestOf(bytes))
  expect(stored.length).toBe(bytes.length)
  expect(stored.every((byte, index) => byte === bytes[index])).toBe(true)
}
