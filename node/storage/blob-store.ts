/**
 * Blobs on disk, named by their SHA-256: `ab/abcd…`. A blob is written to a temporary file, synced,
 * renamed and its folder synced, in this order, so that a name is never seen before its bytes; and
 * it is checked when it is read, so that bytes are never believed for their name.
 */
import { createHash, randomUUID } from 'node:crypto'
import * as fileSystem from 'node:fs/promises'
import { join } from 'node:path'
import type { BlobManifest } from '../../protocol/blob.ts'
import { chunkCount } from '../../protocol/blob.ts'
import { type Digest, isDigest } from '../../protocol/digest.ts'
import { assert } from '../../protocol/errors.ts'
import { BLOB_BYTES_MAX, BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'
import type { BlobReference } from '../../protocol/run-config.ts'
import { StorageError, storageError } from './errors.ts'
import { type FileSystem, isMissing, syncFolder } from './file-system.ts'
import type { PartialBlob } from './partial-blob.ts'
import { createPartials } from './partial-blobs.ts'

export interface BlobStore {
  has(digest: Digest): Promise<boolean>
  put(bytes: Uint8Array): Promise<BlobReference>
  putStream(pieces: AsyncIterable<Uint8Array>): Promise<BlobReference>
  /**
   * The caller's own bytes. @throws StorageError `missing`, or `damaged` when they don't match the
   * digest
   */
  read(digest: Digest): Promise<Uint8Array>
  /** One chunk, unchecked: whoever gets it checks it against the manifest. */
  readChunk(digest: Digest, index: number): Promise<Uint8Array>
  /** The chunk hashes of a stored blob. @throws like `read` */
  manifest(digest: Digest): Promise<BlobManifest>
  /** Where the blob is or would be. */
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

export interface FileBlobStoreOptions {
  fileSystem?: FileSystem
}

/** Chunk hashes that are kept in memory, for the few blobs that everyone fetches. */
const MANIFESTS_CACHED_MAX = 16
/** A temporary file this old belongs to nobody. */
const TEMPORARY_AGE_MS_MAX = 86_400_000

/** One process at a time writes to a directory; any number may read. */
export async function createFileBlobStore(
  directory: string,
  options: FileBlobStoreOptions = {},
): Promise<BlobStore> {
  const files = options.fileSystem ?? fileSystem
  const temporary = join(directory, 'temporary')
  const manifests = new Map<Digest, BlobManifest>()
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
    if (createHash('sha256').update(bytes).digest('hex') !== digest) throw damaged(path(digest))
    // Plain bytes, because a Buffer's `slice` shares what it should copy.
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
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

  async function manifest(digest: Digest): Promise<BlobManifest> {
    const known = manifests.get(digest)
    if (known !== undefined) return known
    const made = await hashChunks(files, path(digest), digest)
    manifests.set(digest, made)
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
    if (whole.digest('hex') !== digest) throw damaged(file)
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

function damaged(file: string): StorageError {
  return new StorageError(
    'damaged',
    `Cannot use ${file}: its bytes don't match its name. Remove it, so that it is fetched again`,
  )
}

function fail(doing: string, file: string): (error: unknown) => never {
  return (error) => {
    throw storageError(doing, file, error)
  }
}
