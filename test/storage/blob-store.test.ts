/** What every blob store promises, and what the one on disk promises beyond. */
import { mkdir, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { BlobStore } from '../../node/storage/blob-store.ts'
import { createFileBlobStore } from '../../node/storage/file-blob-store.ts'
import { createLocks } from '../../node/storage/locks.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import { OWN, type PartialBlob } from '../../node/storage/partial-blob.ts'
import { blobManifest, chunkOf } from '../../protocol/blob.ts'
import type { BlobReference } from '../../protocol/blob-reference.ts'
import { digestOf } from '../../protocol/digest.ts'
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'
import { randomBytes } from '../network/blob-pair.ts'
import { temporaryFolder } from './folder.ts'

const BLOB = randomBytes(2.5 * BLOB_CHUNK_BYTES)
const REFERENCE: BlobReference = { digest: digestOf(BLOB), bytes: BLOB.length }
const MANIFEST = blobManifest(BLOB)

const STORES: [string, () => Promise<BlobStore>][] = [
  ['memory', async () => createMemoryBlobStore()],
  ['file', async () => createFileBlobStore(await temporaryFolder())],
]

async function* pieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

/** Opens a transfer that is closed, at the latest, when the test ends. */
async function open(store: BlobStore, owner: string, blob = BLOB): Promise<PartialBlob> {
  const partial = await store.openPartial(owner, { digest: digestOf(blob), bytes: blob.length })
  onTestFinished(() => partial.close())
  return partial
}

async function append(partial: PartialBlob, ...chunks: number[]): Promise<void> {
  for (const index of chunks) await partial.append(chunkOf(BLOB, index))
}

describe.each(STORES)('a blob store in %s', (_, create) => {
  test('gives back what was put, by its digest', async () => {
    const store = await create()
    expect(await store.put(BLOB)).toEqual(REFERENCE)
    expect(await store.has(REFERENCE.digest)).toBe(true)
    expect(await store.read(REFERENCE.digest)).toEqual(BLOB)
  })

  test('puts a stream of pieces of any size', async () => {
    const store = await create()
    for (const length of [1_000, BLOB_CHUNK_BYTES, BLOB.length]) {
      expect(await store.putStream(pieces(BLOB, length))).toEqual(REFERENCE)
    }
    expect(await store.list()).toEqual([REFERENCE.digest])
  })

  test('keeps nothing of a stream that fails', async () => {
    const store = await create()
    const failing = async function* () {
      yield BLOB
      throw new Error('the source failed')
    }
    await expect(store.putStream(failing())).rejects.toThrow('the source failed')
    expect(await store.list()).toEqual([])
  })

  test('is not changed by who keeps what was put or read', async () => {
    const store = await create()
    const bytes = Uint8Array.of(1, 2, 3)
    const { digest } = await store.put(bytes)
    bytes[0] = 9
    const chunk = await store.readChunk(digest, 0)
    chunk[1] = 9
    expect(await store.read(digest)).toEqual(Uint8Array.of(1, 2, 3))
  })

  test('hands out chunks, and the manifest they match', async () => {
    const store = await create()
    await store.put(BLOB)
    expect(await store.manifest(REFERENCE.digest)).toEqual(MANIFEST)
    expect(await store.manifest(REFERENCE.digest)).toEqual(MANIFEST)
    for (const index of [0, 1, 2, 3]) {
      expect(await store.readChunk(REFERENCE.digest, index)).toEqual(chunkOf(BLOB, index))
    }
  })

  test('says what is missing', async () => {
    const store = await create()
    expect(await store.has(REFERENCE.digest)).toBe(false)
    for (const ask of [
      () => store.read(REFERENCE.digest),
      () => store.readChunk(REFERENCE.digest, 0),
      () => store.manifest(REFERENCE.digest),
    ]) {
      await expect(ask()).rejects.toMatchObject({ name: 'StorageError', code: 'missing' })
    }
  })

  test('lists in order, and removes, twice if need be', async () => {
    const store = await create()
    const digests = await Promise.all(
      [1, 2, 3, 4].map(async (byte) => (await store.put(Uint8Array.of(byte))).digest),
    )
    expect(await store.list()).toEqual(digests.sort())
    await store.remove(digests[0]!)
    await store.remove(digests[0]!)
    expect(await store.list()).toEqual(digests.slice(1))
    await expect(store.read(digests[0]!)).rejects.toMatchObject({ code: 'missing' })
  })

  test('makes a blob of chunks', async () => {
    const store = await create()
    const partial = await open(store, OWN)
    await append(partial, 0, 1, 2)
    expect(await store.has(REFERENCE.digest)).toBe(false)
    await partial.finish()
    await partial.close()
    expect(await store.read(REFERENCE.digest)).toEqual(BLOB)
    expect((await open(store, OWN)).chunks).toBe(0)
  })

  test('keeps the chunks of a transfer that broke, for the same owner only', async () => {
    const store = await create()
    const broken = await open(store, 'ada')
    await append(broken, 0, 1)
    await broken.close()
    const other = await open(store, 'bob')
    expect(other.chunks).toBe(0)
    const again = await open(store, 'ada')
    expect([again.chunks, await again.keep(MANIFEST)]).toEqual([2, 2])
    await append(again, 2)
    await again.finish()
    expect(await store.read(REFERENCE.digest)).toEqual(BLOB)
  })

  test('drops kept chunks from the first that does not match the manifest', async () => {
    const store = await create()
    const broken = await open(store, OWN)
    await append(broken, 0, 2, 1)
    const cut = { ...MANIFEST, chunkHashes: MANIFEST.chunkHashes.slice() }
    expect(await broken.keep(cut)).toBe(1)
    cut.chunkHashes[0]! ^= 1
    expect(await broken.keep(cut)).toBe(0)
  })

  test('keeps nothing of chunks that are not the blob', async () => {
    const store = await create()
    const partial = await open(store, OWN)
    await append(partial, 0, 1, 1)
    await expect(partial.finish()).rejects.toMatchObject({ code: 'digest-mismatch' })
    await partial.close()
    expect(await store.list()).toEqual([])
    expect((await open(store, OWN)).chunks).toBe(0)
  })

  test('lets one transfer of a blob follow the other, or give up waiting', async () => {
    const store = await create()
    const first = await open(store, OWN)
    const order: string[] = []
    const second = open(store, OWN).then((partial) => {
      order.push('second')
      return partial
    })
    const gaveUp = store.openPartial(OWN, REFERENCE, AbortSignal.abort(new Error('given up')))
    await expect(gaveUp).rejects.toThrow('given up')
    await append(first, 0)
    order.push('first')
    await first.close()
    expect((await second).chunks).toBe(1)
    expect(order).toEqual(['first', 'second'])
  })

  test('keeps the two newest transfers of a peer', async () => {
    const store = await create()
    const blobs = [1, 2, 3].map((seed) => randomBytes(2 * BLOB_CHUNK_BYTES, seed))
    for (const blob of blobs) {
      const partial = await open(store, 'ada', blob)
      await partial.append(chunkOf(blob, 0))
      await partial.close()
    }
    const kept: number[] = []
    for (const blob of blobs) {
      const partial = await open(store, 'ada', blob)
      kept.push(partial.chunks)
    }
    expect(kept).toEqual([0, 1, 1])
  })
})

describe('a blob store on disk', () => {
  const stored = async () => {
    const folder = await temporaryFolder()
    const store = await createFileBlobStore(folder)
    await store.put(BLOB)
    return { folder, store, file: store.path(REFERENCE.digest) }
  }

  test('names files by their digest, in folders of its first two digits', async () => {
    const { folder, file } = await stored()
    const { digest } = REFERENCE
    expect(file).toBe(join(folder, digest.slice(0, 2), digest))
    expect(await readdir(folder)).toEqual([digest.slice(0, 2), 'partial', 'temporary'].sort())
    expect(await readdir(join(folder, 'temporary'))).toEqual([])
  })

  test('is there again for the next process', async () => {
    const { folder } = await stored()
    const store = await createFileBlobStore(folder)
    expect(await store.list()).toEqual([REFERENCE.digest])
    expect(await store.read(REFERENCE.digest)).toEqual(BLOB)
  })

  describe('does not believe a file for its name', () => {
    for (const [name, damage] of [
      ['changed', (file: string) => writeFile(file, randomBytes(BLOB.length, 2))],
      ['cut short', (file: string) => truncate(file, 100)],
      ['emptied', (file: string) => truncate(file, 0)],
    ] as const) {
      test(name, async () => {
        const { store, file } = await stored()
        await damage(file)
        for (const ask of [store.read, store.manifest]) {
          const asked = ask(REFERENCE.digest)
          await expect(asked).rejects.toMatchObject({ name: 'StorageError', code: 'damaged' })
          await expect(asked).rejects.toThrow(file)
        }
      })
    }
  })

  test('takes no name but a digest', async () => {
    const { store } = await stored()
    for (const name of ['../../etc/passwd', '', 'AB'.repeat(32), 'ab'.repeat(31)]) {
      expect(() => store.path(name)).toThrow('a blob is named by a digest')
      await expect(store.read(name)).rejects.toThrow('a blob is named by a digest')
    }
    await expect(store.openPartial('../ada', REFERENCE)).rejects.toThrow('a word')
  })

  test('forgets temporary files that nobody has touched for a day, and no others', async () => {
    const { folder } = await stored()
    const [old, young] = ['old', 'young'].map((name) => join(folder, 'temporary', name))
    await writeFile(old!, 'x')
    await writeFile(young!, 'x')
    const yesterday = Date.now() / 1_000 - 25 * 3_600
    await utimes(old!, yesterday, yesterday)
    await createFileBlobStore(folder)
    expect(await readdir(join(folder, 'temporary'))).toEqual(['young'])
  })

  test('takes up what a killed process left, whole chunks of it', async () => {
    const { folder, store } = await stored()
    await store.remove(REFERENCE.digest)
    const left = join(folder, 'partial', OWN, `${REFERENCE.digest}.${2 ** 30}`)
    await mkdir(join(folder, 'partial', OWN), { recursive: true })
    await writeFile(left, BLOB.subarray(0, 1.7 * BLOB_CHUNK_BYTES))
    const partial = await open(await createFileBlobStore(folder), OWN)
    expect(partial.chunks).toBe(1)
    await append(partial, 1, 2)
    await partial.finish()
    await partial.close()
    expect(await readdir(join(folder, 'partial', OWN))).toEqual([])
  })

  test('leaves alone, and does not wait for, what another process got stuck with', async () => {
    const { folder, store } = await stored()
    await store.remove(REFERENCE.digest)
    const theirs = `${REFERENCE.digest}.${process.ppid}`
    const file = join(folder, 'partial', OWN, theirs)
    await mkdir(join(folder, 'partial', OWN), { recursive: true })
    await writeFile(file, BLOB.subarray(0, BLOB_CHUNK_BYTES))
    const minutesAgo = new Date(Date.now() - 300_000)
    await utimes(file, minutesAgo, minutesAgo)
    const partial = await open(await createFileBlobStore(folder), OWN)
    expect(partial.chunks).toBe(0)
    expect(await readdir(join(folder, 'partial', OWN))).toContain(theirs)
  })

  test('says so when its folder cannot be', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'file'), 'x')
    const create = createFileBlobStore(join(folder, 'file', 'blobs'))
    await expect(create).rejects.toMatchObject({ name: 'StorageError', code: 'failed' })
    await rm(join(folder, 'file'))
  })
})

describe('locks', () => {
  test('are given in order, by name, and forgotten when nobody waits', async () => {
    const locks = createLocks()
    const order: string[] = []
    const hold = async (name: string, what: string) => {
      const release = await locks.acquire(name)
      order.push(what)
      await Promise.resolve()
      release()
    }
    await Promise.all([hold('a', 'a1'), hold('a', 'a2'), hold('b', 'b1'), hold('a', 'a3')])
    expect(order.filter((what) => what.startsWith('a'))).toEqual(['a1', 'a2', 'a3'])
    expect(order.indexOf('b1')).toBeLessThan(order.indexOf('a3'))
  })

  test('pass over those who gave up', async () => {
    const locks = createLocks()
    const release = await locks.acquire('a')
    const controller = new AbortController()
    const impatient = locks.acquire('a', controller.signal)
    const patient = locks.acquire('a')
    controller.abort(new Error('given up'))
    await expect(impatient).rejects.toThrow('given up')
    let got = false
    void patient.then(() => {
      got = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(got).toBe(false)
    release()
    await patient
  })
})
