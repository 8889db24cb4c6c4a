/**
 * Transfers that are not over: `partial/owner/digest`, whole chunks from the start, kept when a
 * link breaks so that the next attempt goes on where it stopped. Each owner (a peer that uploads,
 * or we ourselves) has its own, so that nobody can spoil another's; and how much stays is bounded
 * for each.
 *
 * While a transfer runs its file is named `digest.pid`: a rename is atomic, so two processes never
 * write to the same one, and what a killed process leaves is found by its name. Who wants a blob
 * that another process is fetching for itself waits for that one, and mostly finds it whole then.
 */

import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import {
  assert,
  BLOB_CHUNK_BYTES,
  type BlobManifest,
  type BlobReference,
  bytesToHex,
  chunkCount,
  type Digest,
  DigestMismatch,
} from '../../protocol/index.ts'
import { storageError } from './errors.ts'
import { type FileSystem, ignoreMissing } from './file-system.ts'
import { createLocks } from './locks.ts'
import { excess, limitsOf, type PartialBlob, type PartialLimits } from './partial-blob.ts'

/** A transfer whose file was not written to for so long is not waited for. */
const BUSY_AGE_MS_MAX = 60_000
/** Time between two looks at another process's transfer. */
const LOOK_MS = 250
/** Nobody comes back for it. */
const PARTIAL_AGE_MS_MAX = 7 * 86_400_000
const OWNER_PATTERN = /^[0-9A-Za-z]{1,128}$/

interface PartialsOptions {
  files: FileSystem
  /** Gives a written and synced file its name among the blobs. */
  publish: (file: string, digest: Digest) => Promise<void>
}

export interface Partials {
  open(owner: string, blob: BlobReference, signal?: AbortSignal): Promise<PartialBlob>
}

export async function createPartials(root: string, options: PartialsOptions): Promise<Partials> {
  const { files, publish } = options
  const locks = createLocks()
  await files.mkdir(root, { recursive: true })
  for (const owner of await files.readdir(root)) await recover(files, join(root, owner))

  return {
    async open(owner, blob, signal) {
      assert(OWNER_PATTERN.test(owner), `a partial blob's owner is a word, not ${owner}`)
      const release = await locks.acquire(`${owner}/${blob.digest}`, signal)
      const folder = join(root, owner)
      const idle = join(folder, blob.digest)
      const busy = `${idle}.${process.pid}`
      try {
        await files.mkdir(folder, { recursive: true })
        while (await isBusyElsewhere(files, folder, blob.digest)) {
          await setTimeout(LOOK_MS, undefined, signal && { signal })
        }
        await files.rename(idle, busy).catch(ignoreMissing)
        const handle = await files.open(busy, 'a+')
        const whole = await wholeChunks(handle, blob).catch(async (error) => {
          await handle.close()
          throw error
        })
        const close = async (empty: boolean) => {
          try {
            if (empty) await files.rm(busy, { force: true })
            else await files.rename(busy, idle).catch(ignoreMissing)
            await evict(files, folder, limitsOf(owner))
          } finally {
            release()
          }
        }
        const file = { busy, handle, publish: () => publish(busy, blob.digest), close }
        return createPartialBlob(blob, whole, file)
      } catch (error) {
        release()
        throw storageError('write', busy, error)
      }
    },
  }
}

interface PartialFile {
  busy: string
  handle: FileHandle
  publish(): Promise<void>
  close(empty: boolean): Promise<void>
}

function createPartialBlob(blob: BlobReference, whole: number, file: PartialFile): PartialBlob {
  const { handle, busy } = file
  let chunks = whole
  let state: 'open' | 'published' | 'closed' = 'open'

  async function drop(from: number): Promise<void> {
    await handle.truncate(from * BLOB_CHUNK_BYTES)
    chunks = from
  }

  async function inWords<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw storageError('write', busy, error)
    }
  }

  async function keep(manifest: BlobManifest): Promise<number> {
    for (let index = 0; index < chunks; index++) {
      const hash = createHash('sha256').update(await chunkAt(handle, index))
      const expected = manifest.chunkHashes.subarray(index * 32, (index + 1) * 32)
      if (hash.digest('hex') !== bytesToHex(expected)) await drop(index)
    }
    return chunks
  }

  async function finish(): Promise<void> {
    await handle.sync()
    const hash = createHash('sha256')
    for (let index = 0; index < chunks; index++) hash.update(await chunkAt(handle, index))
    if (hash.digest('hex') !== blob.digest) {
      await drop(0)
      throw new DigestMismatch(
        `Cannot accept blob ${blob.digest}: its chunks match the manifest but not the digest`,
      )
    }
    await file.publish()
    state = 'published'
  }

  return {
    get chunks() {
      return chunks
    },
    keep: (manifest) => inWords(() => keep(manifest)),
    append: (chunk) =>
      inWords(async () => {
        await handle.appendFile(chunk)
        chunks++
      }),
    readChunk: (index) => chunkAt(handle, index),
    finish: () => inWords(finish),
    async close() {
      if (state === 'closed') return
      const empty = state === 'published' || chunks === 0
      state = 'closed'
      await inWords(() => handle.close().finally(() => file.close(empty)))
    },
  }
}

async function chunkAt(handle: FileHandle, index: number): Promise<Uint8Array> {
  const chunk = new Uint8Array(BLOB_CHUNK_BYTES)
  const { bytesRead } = await handle.read(chunk, 0, chunk.length, index * BLOB_CHUNK_BYTES)
  return chunk.subarray(0, bytesRead)
}

/** Cuts off what is not a whole chunk; a file larger than the blob is none of it. */
async function wholeChunks(handle: FileHandle, blob: BlobReference): Promise<number> {
  const { size } = await handle.stat()
  if (size === blob.bytes) return chunkCount(size)
  const chunks = size > blob.bytes ? 0 : Math.floor(size / BLOB_CHUNK_BYTES)
  await handle.truncate(chunks * BLOB_CHUNK_BYTES)
  return chunks
}

/** Gives back their idle names to what dead processes left, and removes what is too old. */
async function recover(files: FileSystem, folder: string): Promise<void> {
  for (const name of await files.readdir(folder)) {
    const file = join(folder, name)
    const [digest = '', pid = ''] = name.split('.')
    if (pid !== '' && isAlive(Number(pid))) continue
    const { mtimeMs } = await files.stat(file)
    if (Date.now() - mtimeMs > PARTIAL_AGE_MS_MAX) await files.rm(file, { force: true })
    else if (pid !== '') await files.rename(file, join(folder, digest))
  }
}

/** Whether another process is fetching the blob now. */
async function isBusyElsewhere(
  files: FileSystem,
  folder: string,
  digest: Digest,
): Promise<boolean> {
  for (const name of await files.readdir(folder)) {
    const [of, pid = ''] = name.split('.')
    if (of !== digest || pid === '' || !isAlive(Number(pid))) continue
    // It may be done with it at any moment.
    const stat = await files.stat(join(folder, name)).catch(ignoreMissing)
    if (stat && Date.now() - stat.mtimeMs < BUSY_AGE_MS_MAX) return true
  }
  return false
}

/** Removes the oldest until what stays is within the limits. */
async function evict(files: FileSystem, folder: string, limits: PartialLimits): Promise<void> {
  const kept: { file: string; bytes: number; mtimeMs: number }[] = []
  for (const name of await files.readdir(folder)) {
    const file = join(folder, name)
    // Another transfer may take one up at any moment; then it is no longer ours to remove.
    const stat = name.includes('.') ? undefined : await files.stat(file).catch(ignoreMissing)
    if (stat) kept.push({ file, bytes: stat.size, mtimeMs: stat.mtimeMs })
  }
  kept.sort((a, b) => b.mtimeMs - a.mtimeMs)
  for (const { file } of excess(kept, limits)) await files.rm(file, { force: true })
}

/** Our own process id found at the start was another's: a container gives everyone the same. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
