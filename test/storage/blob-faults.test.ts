/**
 * The n-th call to the file system fails, for every n: whatever was being written, no name is ever
 * seen without its bytes, and afterwards the store works as before.
 */
import * as fileSystem from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import type { BlobStore } from '../../node/storage/blob-store.ts'
import { createFileBlobStore } from '../../node/storage/file-blob-store.ts'
import type { FileSystem } from '../../node/storage/file-system.ts'
import { OWN } from '../../node/storage/partial-blob.ts'
import { blobManifest, chunkOf } from '../../protocol/blob.ts'
import { digestOf } from '../../protocol/digest.ts'
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'
import { randomBytes } from '../network/blob-pair.ts'
import { temporaryFolder } from './folder.ts'

const BLOB = randomBytes(1.5 * BLOB_CHUNK_BYTES)
const REFERENCE = { digest: digestOf(BLOB), bytes: BLOB.length }

interface FaultyFileSystem {
  files: FileSystem
  calls: string[]
  /** Call number `at` from now fails; the calls after it too, when the process is said to die. */
  failAt(at: number, dies: boolean): void
}

/** Counts the calls, those on open files included. */
function faultyFileSystem(code: string): FaultyFileSystem {
  const calls: string[] = []
  let [left, dead] = [Number.POSITIVE_INFINITY, false]
  let dies = false
  const gate = (name: string) => {
    calls.push(name)
    left--
    if (left < 0 && !dead) {
      dead = dies
      left = dies ? -1 : Number.POSITIVE_INFINITY
      throw Object.assign(new Error(`${name} failed`), { code })
    }
    if (dead) throw Object.assign(new Error('the process is dead'), { code })
  }
  const watch = <T extends object>(target: T, prefix: string): T =>
    new Proxy(target, {
      get(object, key) {
        const value = Reflect.get(object, key)
        if (typeof value !== 'function') return value
        return async (...args: unknown[]) => {
          // A dead process closes its files too.
          if (key !== 'close') gate(prefix + String(key))
          const result = await value.apply(object, args)
          return key === 'open' ? watch(result as object, 'file.') : result
        }
      },
    })
  return {
    files: watch<FileSystem>({ ...fileSystem }, ''),
    calls,
    failAt(at, willDie) {
      left = at
      dies = willDie
    },
  }
}

const put = async (store: BlobStore) => void (await store.put(BLOB))
const transfer = async (store: BlobStore) => {
  const partial = await store.openPartial(OWN, REFERENCE)
  try {
    for (let index = partial.chunks; index < 2; index++) await partial.append(chunkOf(BLOB, index))
    await partial.finish()
  } finally {
    await partial.close()
  }
}

for (const [name, write, dies, code, expected] of [
  ['a put, on a full disk', put, false, 'ENOSPC', 'full'],
  ['a put, when the process dies', put, true, 'EIO', 'failed'],
  ['a transfer, on a full disk', transfer, false, 'ENOSPC', 'full'],
  ['a transfer, when the process dies', transfer, true, 'EIO', 'failed'],
] as const) {
  describe(name, () => {
    test('leaves the whole blob or none of it, and works the next time', async () => {
      const count = await callsOf(write)
      expect(count).toBeGreaterThan(5)
      for (let at = 0; at < count; at++) {
        const folder = await temporaryFolder()
        const { files, calls, failAt } = faultyFileSystem(code)
        const store = await createFileBlobStore(folder, { fileSystem: files })
        calls.length = 0
        failAt(at, dies)
        const outcome = await write(store).then(
          () => 'done',
          (error) => error,
        )
        const where = `call ${at}: ${calls[at]}`
        // Some failures don't matter (removing what is left over); all others are told.
        if (outcome !== 'done') expect(outcome, where).toMatchObject({ code: expected })
        const after = await createFileBlobStore(folder)
        for (const digest of await after.list()) {
          expect(digestOf(await after.read(digest)), where).toBe(digest)
        }
        if (outcome === 'done') expect(await after.has(REFERENCE.digest), where).toBe(true)
        await write(after)
        expect(digestOf(await after.read(REFERENCE.digest)), where).toBe(REFERENCE.digest)
      }
    })
  })
}

/** How many calls it takes when nothing fails. */
async function callsOf(write: (store: BlobStore) => Promise<void>): Promise<number> {
  const { files, calls } = faultyFileSystem('EIO')
  const store = await createFileBlobStore(await temporaryFolder(), { fileSystem: files })
  calls.length = 0
  await write(store)
  return calls.length
}

test('a blob has no name before its bytes are on disk', async () => {
  const { files, calls } = faultyFileSystem('EIO')
  const store = await createFileBlobStore(await temporaryFolder(), { fileSystem: files })
  calls.length = 0
  await store.put(BLOB)
  const order = calls.filter((call) => ['file.sync', 'rename'].includes(call))
  // The file; the root, for the new folder; then the name, and the folder that holds it.
  expect(order).toEqual(['file.sync', 'file.sync', 'rename', 'file.sync'])
})

test('all who ask for a manifest at the same time wait for one reading of the blob', async () => {
  const { files, calls } = faultyFileSystem('EIO')
  const store = await createFileBlobStore(await temporaryFolder(), { fileSystem: files })
  const { digest } = REFERENCE
  const askTwice = () => Promise.all([store.manifest(digest), store.manifest(digest)])
  await expect(askTwice()).rejects.toThrow('Cannot read')
  await store.put(BLOB)
  calls.length = 0
  const [one, other] = await askTwice()
  expect(one).toEqual(blobManifest(BLOB))
  expect(other).toEqual(one)
  expect(calls.filter((call) => call === 'open')).toHaveLength(1)
})
