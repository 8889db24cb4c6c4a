/**
 * Blobs in the browser's own files (OPFS), named by their SHA-256, for the worker of a page. A blob
 * gets its name when it is whole, and is checked when it is read: what a crash or the browser
 * damaged is removed, so that it is fetched again. Files are read and written in pieces: of a blob
 * that may be larger than a page's memory no more is here than what is asked for.
 */
import {
  BLOB_BYTES_MAX,
  BLOB_CHUNK_BYTES,
  type BlobManifest,
  type BlobReference,
  bytesToHex,
  chunkCount,
  createDigest,
  type Digest,
  DigestMismatch,
  hexToBytes,
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
  /** The hashes asked for last, and when their file was written. */
  let known: { manifest: BlobManifest; lastModified: number } | null = null

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

  function digestOfStored(digest: Digest, file: File): Promise<Digest> {
    return withReader(digest, file, (read) => digestOfFile(file.size, read))
  }

  async function manifest(digest: Digest): Promise<BlobManifest> {
    const file = await stored(digest)
    const { size, lastModified } = file
    const isSame = known?.manifest.bytes === size && known.lastModified === lastModified
    if (known?.manifest.digest === digest && isSame) return known.manifest
    const made = await withReader(digest, file, (read) => manifestOfFile(size, read))
    if (made.digest !== digest) return damaged(digest)
    known = { manifest: made, lastModified }
    return made
  }

  async function readChunk(digest: Digest, index: number): Promise<Uint8Array> {
    const file = await stored(digest)
    const begin = Math.min(file.size, index * BLOB_CHUNK_BYTES)
    const end = Math.min(file.size, begin + BLOB_CHUNK_BYTES)
    // A reader's buffer is its own, and this one is not used again.
    return withReader(digest, file, (read) => read(begin, end))
  }

  /** Writes a file named `name`, and gives it the name that `write` finds for it. */
  async function written(
    name: string,
    write: (handle: SyncFile) => Promise<BlobReference>,
  ): Promise<BlobReference> {
    const release = await locks.acquire(name)
    try {
      const file = (await partial.getFileHandle(name, { create: true })) as WorkerFile
      const handle = await file.createSyncAccessHandle()
      let blob: BlobReference
      try {
        handle.truncate(0)
        blob = await write(handle)
      } finally {
        handle.close()
      }
      await file.move(whole, blob.digest)
      return blob
    } finally {
      release()
    }
  }

  async function put(bytes: Uint8Array): Promise<BlobReference> {
    const digest = await nativeDigestOf(bytes)
    return written(digest, async (handle) => {
      writeAt(handle, bytes, 0)
      return { digest, bytes: bytes.length }
    })
  }

  return {
    put,
    read,
    file,
    has: async (digest) => (await fileOf(digest)) !== null,
    // What a stream that failed left is overwritten by the next.
    putStream: (pieces) => written(STREAM, (handle) => writePieces(handle, pieces)),
    readChunk,
    manifest,
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

/** The name of what is written before its digest is known. */
const STREAM = 'stream'

async function writePieces(
  handle: SyncFile,
  pieces: AsyncIterable<Uint8Array>,
): Promise<BlobReference> {
  const hash = createDigest()
  let bytes = 0
  for await (const piece of pieces) {
    if (bytes + piece.length > BLOB_BYTES_MAX) {
      throw new StorageError('failed', `Cannot store a blob of over ${BLOB_BYTES_MAX} bytes`)
    }
    writeAt(handle, piece, bytes)
    hash.update(piece)
    bytes += piece.length
  }
  return { digest: hash.digest(), bytes }
}

/** What the platform hashes at once, as it does it many times as fast as we in pieces. */
const HASHED_BYTES_MAX = 256 * 2 ** 20
const PIECE_BYTES = 8 * 2 ** 20

/** Reads a stored file through a handle where the browser has one for many readers. */
async function withReader<T>(
  digest: Digest,
  file: File,
  use: (read: ReadRange) => Promise<T> | T,
): Promise<T> {
  const handle = await openStored(digest)
  try {
    return await use(handle ? readerOf(handle) : sliceReader(file))
  } finally {
    handle?.close()
  }
}

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

async function manifestOfFile(size: number, read: ReadRange): Promise<BlobManifest> {
  const whole = createDigest()
  const chunkHashes = new Uint8Array(chunkCount(size) * 32)
  for (let index = 0; index < chunkCount(size); index++) {
    const begin = index * BLOB_CHUNK_BYTES
    const chunk = await read(begin, Math.min(size, begin + BLOB_CHUNK_BYTES))
    whole.update(chunk)
    chunkHashes.set(hexToBytes(await nativeDigestOf(chunk)), index * 32)
  }
  return { digest: whole.digest(), bytes: size, chunkHashes }
}

/**
 * Forgets every blob of this origin.
 * @throws StorageError `locked` while a file of one is open, which then stays as it is
 */
export async function eraseBlobs(): Promise<void> {
  const root = await navigator.storage.getDirectory()
  for (const folder of [WHOLE_FOLDER, 'partial']) {
    await root.removeEntry(folder, { recursive: true }).catch((error: DOMException) => {
      if (error.name === 'NotFoundError') return
      if (error.name !== 'NoModificationAllowedError') throw error
      const what = 'Cannot forget what is kept here as a file of it is in use'
      throw new StorageError('locked', `${what}: end the training or writing that reads it first`)
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
