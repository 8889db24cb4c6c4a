/**
 * A blob store in memory, with the same promises except to outlive the process: for tests and for
 * browsers.
 */
import {
  type BlobManifest,
  type BlobReference,
  blobManifest,
  chunkOf,
  concatBytes,
  type Digest,
  DigestMismatch,
  digestOf,
} from '../../protocol/index.ts'
import type { BlobStore } from './blob-store.ts'
import { LostBytesError, StorageError } from './errors.ts'
import { createLocks } from './locks.ts'
import { excess, limitsOf, type PartialBlob } from './partial-blob.ts'

export function createMemoryBlobStore(): BlobStore {
  const blobs = new Map<Digest, Uint8Array>()
  const manifests = new Map<Digest, BlobManifest>()
  /** Chunks by owner and digest; a Map remembers who came last. */
  const partials = new Map<string, Map<Digest, Uint8Array[]>>()
  const locks = createLocks()

  function get(digest: Digest): Uint8Array {
    const bytes = blobs.get(digest)
    if (bytes === undefined) throw new LostBytesError('missing', `There is no blob ${digest}`)
    return bytes
  }

  async function put(bytes: Uint8Array): Promise<BlobReference> {
    const digest = digestOf(bytes)
    blobs.set(digest, Uint8Array.from(bytes))
    return { digest, bytes: bytes.length }
  }

  async function read(digest: Digest): Promise<Uint8Array> {
    const bytes = get(digest)
    if (digestOf(bytes) !== digest) throw new LostBytesError('damaged', `Blob ${digest} is damaged`)
    return bytes.slice()
  }

  return {
    has: async (digest) => blobs.has(digest),
    put,
    async putStream(pieces) {
      const parts: Uint8Array[] = []
      for await (const piece of pieces) parts.push(piece)
      return put(concatBytes(...parts))
    },
    read,
    file: read,
    readChunk: async (digest, index) => Uint8Array.from(chunkOf(get(digest), index)),
    async manifest(digest) {
      const made = manifests.get(digest) ?? blobManifest(get(digest))
      manifests.set(digest, made)
      return made
    },
    path(digest) {
      throw new StorageError('missing', `Blob ${digest} is in memory: it has no path`)
    },
    list: async () => [...blobs.keys()].sort(),
    async remove(digest) {
      blobs.delete(digest)
      manifests.delete(digest)
    },
    async openPartial(owner, blob, signal) {
      const release = await locks.acquire(`${owner}/${blob.digest}`, signal)
      const mine = partials.get(owner) ?? new Map<Digest, Uint8Array[]>()
      partials.set(owner, mine)
      const chunks = mine.get(blob.digest) ?? []
      mine.delete(blob.digest)
      const close = () => {
        if (chunks.length > 0) mine.set(blob.digest, chunks)
        const newestFirst = [...mine]
          .reverse()
          .map(([digest, kept]) => ({ digest, bytes: total(kept) }))
        for (const { digest } of excess(newestFirst, limitsOf(owner))) mine.delete(digest)
        release()
      }
      return createMemoryPartial(blob, chunks, { put, close })
    },
  }
}

function total(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((bytes, chunk) => bytes + chunk.length, 0)
}

interface PartialInside {
  put(bytes: Uint8Array): Promise<BlobReference>
  close(): void
}

function createMemoryPartial(
  blob: BlobReference,
  chunks: Uint8Array[],
  { put, close }: PartialInside,
): PartialBlob {
  return {
    get chunks() {
      return chunks.length
    },
    async keep(manifest) {
      const wrong = chunks.findIndex((chunk, index) => {
        const { chunkHashes } = blobManifest(chunk)
        return chunkHashes.some((byte, at) => byte !== manifest.chunkHashes[index * 32 + at])
      })
      if (wrong >= 0) chunks.length = wrong
      return chunks.length
    },
    append: async (chunk) => void chunks.push(Uint8Array.from(chunk)),
    readChunk: async (index) => Uint8Array.from(chunks[index] ?? []),
    async finish() {
      const bytes = concatBytes(...chunks)
      if (digestOf(bytes) !== blob.digest) {
        chunks.length = 0
        throw new DigestMismatch(
          `Cannot accept blob ${blob.digest}: its chunks match the manifest but not the digest`,
        )
      }
      await put(bytes)
      chunks.length = 0
    },
    close: async () => close(),
  }
}
