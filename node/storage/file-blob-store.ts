/**
 * Blobs on disk, named by their SHA-256: `ab/abcd…`. A blob is written to a temporary file, synced,
 * renamed and its folder synced, in this order, so that a name is never seen before its bytes; and
 * it is checked when it is read, so that bytes are never believed for their name.
 */

import { createHash, randomUUID } from 'node:crypto'
import * as fileSystem from 'node:fs/promises'
import { join } from 'node:path'
import {
  assert,
  BLOB_BYTES_MAX,
  BLOB_CHUNK_BYTES,
  type BlobManifest,
  type BlobReference,
  chunkCount,
  type Digest,
  isDigest,
} from '../../protocol/index.ts'
import type { BlobStore } from './blob-store.ts'
import { damagedBlob, StorageError, storageError } from './errors.ts'
import { type FileSystem, isMissing, syncFolder } from './file-system.ts'
import { createPartials } from './partial-blobs.ts'

export interface FileBlobStoreOptions {
  fileSystem?: FileSystem
}

/** Chunk hashes that are kept in memory, for the few blobs that everyone fetches. */
const MANIFESTS_CACHED_MAX = 16
/** A temporary file this old belongs to nobody. */
const TEMPORARY_AGE_MS_MAX = 86_400_000

/**
 * Any number of processes may share a directory: a blob gets its name in one step, and has the same
 * bytes whoever wrote it. One that another process removes is missing from then on.
 */
export async function createFileBlobStore(
  directory: string,
  options: FileBlobStoreOptions = {},
): Promise<BlobStore> {
  const files = options.fileSystem ?? fileSystem
  const temporary = join(directory, 'temporary')
  const manifests = new Map<Digest, Promise<BlobManifest>>()
  await files.mkdir(temporary, { recursive: true }).catch(fail('create', temporary))
  await removeAbandoned(files, temporary).catch(fail('clear', temporary))
  const partialFolder = join(directory, 'partial')
  const partials = await createPartials(partialFolder, { files, publish }).catch(
    fail('open', partialFolder),
  )

  const path = (digest: Digest) => {
    assert(isDigest(digest), `a blob is named by a digest, not ${digest}`)
    return join(directory, digest.slice(0, 2), digest)
  }

  async function has(digest: Digest): Promise<boolean> {
    try {
      return (await files.stat(path(digest))).isFile()
    } catch (error) {
      if (isMissing(error)) return false
      throw storageError('look for', path(digest), error)
    }
  }

  /** Gives a written and synced file its name, for good. */
  async function publish(file: string, digest: Digest): Promise<void> {
    const folder = join(directory, digest.slice(0, 2))
    if ((await files.mkdir(folder, { recursive: true })) !== undefined)
      await syncFolder(files, directory)
    await files.rename(file, path(digest))
    await syncFolder(files, folder)
  }

  async function putStream(pieces: AsyncIterable<Uint8Array>): Promise<BlobReference> {
    const file = join(temporary, randomUUID())
    const hash = createHash('sha256')
    let bytes = 0
    try {
      const handle = await files.open(file, 'wx')
      try {
        for await (const piece of pieces) {
          hash.update(piece)
          bytes += piece.length
          if (bytes > BLOB_BYTES_MAX) {
            throw new StorageError('failed', `Cannot store a blob of over ${BLOB_BYTES_MAX} bytes`)
          }
          await handle.writeFile(piece)
        }
        await handle.sync()
      } finally {
        await handle.close()
      }
      const digest = hash.digest('hex')
      await publish(file, digest)
      return { digest, bytes }
    } catch (error) {
      await files.rm(file, { force: true }).catch(() => {})
      throw storageError('write', file, error)
    }
  }

  async function read(digest: Digest): Promise<Uint8Array> {
    const bytes = await files.readFile(path(digest)).catch(fail('read', path(digest)))
    if (createHash('sha256').update(bytes).digest('hex') !== digest) throw damagedBlob(path(digest))
    // Plain bytes, because a Buffer's `slice` shares what it should copy.
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  async function file(digest: Digest): Promise<string> {
    await checkFile(files, path(digest), digest)
    return path(digest)
  }

  async function readChunk(digest: Digest, index: number): Promise<Uint8Array> {
    const handle = await files.open(path(digest), 'r').catch(fail('read', path(digest)))
    try {
      const chunk = new Uint8Array(BLOB_CHUNK_BYTES)
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, index * BLOB_CHUNK_BYTES)
      return chunk.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  }

  /** All who ask while a blob is read wait for the same reading. */
  function manifest(digest: Digest): Promise<BlobManifest> {
    const known = manifests.get(digest)
    if (known !== undefined) return known
    const made = hashChunks(files, path(digest), digest)
    manifests.set(digest, made)
    made.catch(() => {
      if (manifests.get(digest) === made) manifests.delete(digest)
    })
    const [oldest] = manifests.keys()
    if (manifests.size > MANIFESTS_CACHED_MAX && oldest !== undefined) manifests.delete(oldest)
    return made
  }

  async function list(): Promise<Digest[]> {
    const folders = (await files.readdir(directory)).filter((name) => /^[0-9a-f]{2}$/.test(name))
    const names = await Promise.all(folders.map((folder) => files.readdir(join(directory, folder))))
    return names.flat().filter(isDigest).sort()
  }

  return {
    has,
    put: async (bytes) => {
      const digest = createHash('sha256').update(bytes).digest('hex')
      return (await has(digest)) ? { digest, bytes: bytes.length } : putStream(once(bytes))
    },
    putStream,
    read,
    file,
    readChunk,
    manifest,
    path,
    list,
    remove: async (digest) => {
      manifests.delete(digest)
      await files.rm(path(digest), { force: true }).catch(fail('remove', path(digest)))
    },
    openPartial: partials.open,
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

const PIECE_BYTES = 8 * 2 ** 20

async function checkFile(files: FileSystem, file: string, digest: Digest): Promise<void> {
  const handle = await files.open(file, 'r').catch(fail('read', file))
  try {
    const hash = createHash('sha256')
    const piece = new Uint8Array(PIECE_BYTES)
    for (let at = 0; ; ) {
      const { bytesRead } = await handle.read(piece, 0, piece.length, at)
      if (bytesRead === 0) break
      hash.update(piece.subarray(0, bytesRead))
      at += bytesRead
    }
    if (hash.digest('hex') !== digest) throw damagedBlob(file)
  } finally {
    await handle.close()
  }
}

async function hashChunks(files: FileSystem, file: string, digest: Digest): Promise<BlobManifest> {
  const handle = await files.open(file, 'r').catch(fail('read', file))
  try {
    const { size } = await handle.stat()
    const whole = createHash('sha256')
    const chunkHashes = new Uint8Array(chunkCount(size) * 32)
    const chunk = new Uint8Array(BLOB_CHUNK_BYTES)
    for (let index = 0; index < chunkCount(size); index++) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, index * BLOB_CHUNK_BYTES)
      const piece = chunk.subarray(0, bytesRead)
      whole.update(piece)
      chunkHashes.set(createHash('sha256').update(piece).digest(), index * 32)
    }
    if (whole.digest('hex') !== digest) throw damagedBlob(file)
    return { digest, bytes: size, chunkHashes }
  } finally {
    await handle.close()
  }
}

async function removeAbandoned(files: FileSystem, temporary: string): Promise<void> {
  for (const name of await files.readdir(temporary)) {
    const file = join(temporary, name)
    const { mtimeMs } = await files.stat(file)
    if (Date.now() - mtimeMs > TEMPORARY_AGE_MS_MAX) await files.rm(file, { force: true })
  }
}

function fail(doing: string, file: string): (error: unknown) => never {
  return (error) => {
    throw storageError(doing, file, error)
  }
}
