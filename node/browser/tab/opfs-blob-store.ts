/**
 * Blobs in the browser's own files (OPFS), named by their SHA-256, for the worker of a page. A blob
 * gets its name when it is whole, and is checked when it is read: what a crash or the browser
 * damaged is removed, so that it is fetched again.
 */
import {
  BLOB_CHUNK_BYTES,
  type BlobManifest,
  type BlobReference,
  blobManifest,
  bytesToHex,
  chunkCount,
  chunkOf,
  concatBytes,
  createDigest,
  type Digest,
  DigestMismatch,
} from '../../../protocol/index.ts'
import { nativeDigestOf } from '../../native-digest.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { LostBytesError, StorageError } from '../../storage/errors.ts'
import { createLocks } from '../../storage/locks.ts'
import type { PartialBlob } from '../../storage/partial-blob.ts'
import {
  openStored,
  type ReadRange,
  readerOf,
  type SyncFile,
  WHOLE_FOLDER,
  type WorkerFile,
} from './stored-file.ts'

/** @throws DOMException where the browser has no OPFS or no room */
export async function createOpfsBlobStore(): Promise<BlobStore> {
  const root = await navigator.storage.getDirectory()
  const whole = await root.getDirectoryHandle(WHOLE_FOLDER, { create: true })
  const partial = await root.getDirectoryHandle('partial', { create: true })
  const locks = createLocks()

  async function fileOf(digest: Digest): Promise<FileSystemFileHandle | null> {
    try {
      return await whole.getFileHandle(digest)
    } catch (error) {
      if ((error as DOMException).name === 'NotFoundError') return null
      throw error
    }
  }

  async function stored(digest: Digest): Promise<File> {
    const file = await fileOf(digest)
    if (file === null) throw new LostBytesError('missing', `There is no blob ${digest}`)
    return file.getFile()
  }

  async function damaged(digest: Digest): Promise<never> {
    await whole.removeEntry(digest)
    throw new LostBytesError('damaged', `Blob ${digest} was damaged, and is removed`)
  }

  async function read(digest: Digest): Promise<Uint8Array> {
    const bytes = new Uint8Array(await (await stored(digest)).arrayBuffer())
    return (await nativeDigestOf(bytes)) === digest ? bytes : damaged(digest)
  }

  async function file(digest: Digest): Promise<File> {
    const file = await stored(digest)
    return (await digestOfStored(digest, file)) === digest ? file : damaged(digest)
  }

  async function digestOfStored(digest: Digest, file: File): Promise<Digest> {
    const handle = await openStored(digest)
    try {
      return await digestOfFile(file.size, handle ? readerOf(handle) : sliceReader(file))
    } finally {
      handle?.close()
    }
  }

  async function put(bytes: Uint8Array): Promise<BlobReference> {
    const digest = await nativeDigestOf(bytes)
    const release = await locks.acquire(digest)
    try {
      const file = (await partial.getFileHandle(digest, { create: true })) as WorkerFile
      const handle = await file.createSyncAccessHandle()
      try {
        handle.truncate(0)
        writeAt(handle, bytes, 0)
      } finally {
        handle.close()
      }
      await file.move(whole, digest)
    } finally {
      release()
    }
    return { digest, bytes: bytes.length }
  }

  return {
    put,
    read,
    file,
    has: async (digest) => (await fileOf(digest)) !== null,
    async putStream(pieces) {
      const parts: Uint8Array[] = []
      for await (const piece of pieces) parts.push(piece)
      return put(concatBytes(...parts))
    },
    readChunk: async (digest, index) => chunkOf(await read(digest), index),
    manifest: async (digest) => blobManifest(await read(digest)),
    path: (digest) => digest,
    async list() {
      const digests: Digest[] = []
      for await (const name of whole.keys()) digests.push(name)
      return digests.sort()
    },
    async remove(digest) {
      if ((await fileOf(digest)) !== null) await whole.removeEntry(digest)
    },
    async openPartial(_owner, blob, signal) {
      const release = await locks.acquire(blob.digest, signal)
      try {
        const file = (await partial.getFileHandle(blob.digest, { create: true })) as WorkerFile
        const handle = await file.createSyncAccessHandle()
        return partialBlob(blob, handle, {
          publish: () => file.move(whole, blob.digest),
          release,
        })
      } catch (error) {
        release()
        throw error
      }
    },
  }
}

/** What the platform hashes at once, as it does it many times as fast as we in pieces. */
const HASHED_BYTES_MAX = 256 * 2 ** 20
const PIECE_BYTES = 8 * 2 ** 20

const sliceReader =
  (file: File): ReadRange =>
  async (begin, end) =>
    new Uint8Array(await file.slice(begin, end).arrayBuffer())

async function digestOfFile(size: number, read: ReadRange): Promise<Digest> {
  if (size <= HASHED_BYTES_MAX) return nativeDigestOf(await read(0, size))
  const hash = createDigest()
  for (let at = 0; at < size; at += PIECE_BYTES) {
    hash.update(await read(at, Math.min(size, at + PIECE_BYTES)))
  }
  return hash.digest()
}

/** Forgets every blob of this origin. */
export async function eraseBlobs(): Promise<void> {
  const root = await navigator.storage.getDirectory()
  for (const folder of [WHOLE_FOLDER, 'partial']) {
    await root.removeEntry(folder, { recursive: true }).catch((error: DOMException) => {
      if (error.name !== 'NotFoundError') throw error
    })
  }
}

interface PartialEnd {
  publish(): Promise<void>
  release(): void
}

function partialBlob(blob: BlobReference, handle: SyncFile, end: PartialEnd): PartialBlob {
  let chunks = wholeChunks(handle, blob)
  let isOpen = true
  const drop = (from: number) => {
    handle.truncate(from * BLOB_CHUNK_BYTES)
    chunks = from
  }
  const close = () => {
    if (isOpen) handle.close()
    isOpen = false
  }
  const readAt = (at: number, length: number) => {
    const bytes = new Uint8Array(length)
    return bytes.subarray(0, handle.read(bytes, { at }))
  }
  return {
    get chunks() {
      return chunks
    },
    async keep({ chunkHashes }: BlobManifest) {
      for (let index = 0; index < chunks; index++) {
        const digest = await nativeDigestOf(readAt(index * BLOB_CHUNK_BYTES, BLOB_CHUNK_BYTES))
        const expected = bytesToHex(chunkHashes.subarray(index * 32, (index + 1) * 32))
        if (digest !== expected) drop(index)
      }
      return chunks
    },
    async append(chunk) {
      writeAt(handle, chunk, chunks * BLOB_CHUNK_BYTES)
      chunks += 1
    },
    readChunk: async (index) => readAt(index * BLOB_CHUNK_BYTES, BLOB_CHUNK_BYTES),
    async finish() {
      handle.flush()
      const digest = await digestOfFile(blob.bytes, readerOf(handle))
      if (digest !== blob.digest) {
        drop(0)
        throw new DigestMismatch(
          `Cannot accept blob ${blob.digest}: its chunks match the manifest but not the digest`,
        )
      }
      close()
      await end.publish()
    },
    async close() {
      close()
      end.release()
    },
  }
}

/** Cuts off what is not a whole chunk; a file larger than the blob is none of it. */
function wholeChunks(handle: SyncFile, { bytes }: BlobReference): number {
  const size = handle.getSize()
  if (size === bytes) return chunkCount(size)
  const chunks = size > bytes ? 0 : Math.floor(size / BLOB_CHUNK_BYTES)
  handle.truncate(chunks * BLOB_CHUNK_BYTES)
  return chunks
}

function writeAt(handle: SyncFile, bytes: Uint8Array, at: number): void {
  const written = handle.write(bytes, { at })
  if (written !== bytes.length) throw new StorageError('full', 'The browser gives no more room')
}
