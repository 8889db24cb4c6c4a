/** Blobs in a browser's own files: whole and right, or not there; what broke goes on. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { createOpfsBlobStore, eraseBlobs } from '../../node/browser/tab/opfs-blob-store.ts'
import { OWN } from '../../node/storage/partial-blob.ts'
import { blobManifest, chunkOf } from '../../protocol/blob.ts'
import { digestOf } from '../../protocol/digest.ts'
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'
import { randomBytes } from '../network/blob-pair.ts'
import { stubDisk } from './fake-opfs.ts'

const BYTES = randomBytes(2.5 * BLOB_CHUNK_BYTES)
const BLOB = { digest: digestOf(BYTES), bytes: BYTES.length }
const WHOLE = `blobs/${BLOB.digest}`
const PARTIAL = `partial/${BLOB.digest}`

async function opened() {
  const disk = stubDisk()
  onTestFinished(() => void vi.unstubAllGlobals())
  return { disk, store: await createOpfsBlobStore() }
}

/** A transfer that breaks after some chunks. */
async function broken(store: Awaited<ReturnType<typeof createOpfsBlobStore>>, chunks: number[]) {
  const partial = await store.openPartial(OWN, BLOB)
  for (const index of chunks) await partial.append(chunkOf(BYTES, index))
  await partial.close()
}

test('what is put is given back by its digest, in chunks too', async () => {
  const { store } = await opened()
  expect(await store.put(BYTES)).toEqual(BLOB)
  expect(await store.has(BLOB.digest)).toBe(true)
  expect(await store.read(BLOB.digest)).toEqual(BYTES)
  expect(await store.readChunk(BLOB.digest, 2)).toEqual(chunkOf(BYTES, 2))
  expect(await store.manifest(BLOB.digest)).toEqual(blobManifest(BYTES))
  expect(await store.list()).toEqual([BLOB.digest])
})

test('a stream of pieces is one blob', async () => {
  const { store } = await opened()
  const pieces = async function* () {
    for (const index of [0, 1, 2]) yield chunkOf(BYTES, index)
  }
  expect(await store.putStream(pieces())).toEqual(BLOB)
})

test('a stream is written as it comes, and not kept beside its file', async () => {
  const { disk, store } = await opened()
  const stored: number[] = []
  const pieces = async function* () {
    for (const index of [0, 1, 2]) {
      stored.push(disk.files.get('partial/stream')!.bytes.length)
      yield chunkOf(BYTES, index)
    }
  }
  expect(await store.putStream(pieces())).toEqual(BLOB)
  expect(stored).toEqual([0, BLOB_CHUNK_BYTES, 2 * BLOB_CHUNK_BYTES])
  expect(await store.read(BLOB.digest)).toEqual(BYTES)
})

test('what a stream that failed left is none of the next', async () => {
  const { store } = await opened()
  const failing = async function* () {
    yield randomBytes(BYTES.length + 1)
    throw new Error('the source failed')
  }
  const whole = async function* () {
    yield BYTES
  }
  const [failed, next] = [store.putStream(failing()), store.putStream(whole())]
  await expect(failed).rejects.toThrow('the source failed')
  expect(await next).toEqual(BLOB)
  expect(await store.read(BLOB.digest)).toEqual(BYTES)
})

for (const hasReaders of [true, false]) {
  const where = hasReaders ? 'where many may read a file' : 'where only one may open a file'

  test(`a chunk is read alone, ${where}`, async () => {
    const { disk, store } = await opened()
    await store.put(BYTES)
    Object.assign(disk, { hasReaders, reads: [] })
    expect(await store.readChunk(BLOB.digest, 2)).toEqual(chunkOf(BYTES, 2))
    expect(disk.reads).toEqual([0.5 * BLOB_CHUNK_BYTES])
    const [first, second] = [
      await store.readChunk(BLOB.digest, 0),
      await store.readChunk(BLOB.digest, 1),
    ]
    expect([first, second]).toEqual([chunkOf(BYTES, 0), chunkOf(BYTES, 1)])
    expect(await store.readChunk(BLOB.digest, 3)).toEqual(new Uint8Array(0))
    expect(disk.files.get(WHOLE)!.isOpen).toBe(false)
  })

  test(`chunks are hashed one by one, and once, ${where}`, async () => {
    const { disk, store } = await opened()
    await store.put(BYTES)
    Object.assign(disk, { hasReaders, reads: [] })
    const chunks = [BLOB_CHUNK_BYTES, BLOB_CHUNK_BYTES, 0.5 * BLOB_CHUNK_BYTES]
    expect(await store.manifest(BLOB.digest)).toEqual(blobManifest(BYTES))
    expect(await store.manifest(BLOB.digest)).toEqual(blobManifest(BYTES))
    expect(disk.reads).toEqual(chunks)
    expect(disk.files.get(WHOLE)!.isOpen).toBe(false)
  })
}

test('hashes of a file that was written again, or is gone, are not those of before', async () => {
  const { disk, store } = await opened()
  await store.put(BYTES)
  await store.manifest(BLOB.digest)
  const file = disk.files.get(WHOLE)!
  file.bytes[7]! ^= 1
  file.lastModified += 1
  await expect(store.manifest(BLOB.digest)).rejects.toMatchObject({ code: 'damaged' })
  expect(await store.has(BLOB.digest)).toBe(false)
  await expect(store.manifest(BLOB.digest)).rejects.toMatchObject({ code: 'missing' })
  await expect(store.readChunk(BLOB.digest, 0)).rejects.toMatchObject({ code: 'missing' })
})

test('what is removed, or was never there, is missing', async () => {
  const { store } = await opened()
  await store.put(BYTES)
  await store.remove(BLOB.digest)
  await store.remove(BLOB.digest)
  expect(await store.has(BLOB.digest)).toBe(false)
  await expect(store.read(BLOB.digest)).rejects.toMatchObject({ code: 'missing' })
})

test('what was damaged is said to be, and is gone so that it is fetched again', async () => {
  const { disk, store } = await opened()
  await store.put(BYTES)
  disk.files.get(WHOLE)!.bytes[7]! ^= 1
  await expect(store.read(BLOB.digest)).rejects.toMatchObject({ code: 'damaged' })
  expect(await store.has(BLOB.digest)).toBe(false)
})

test('a full disk is said to be, and takes the blob when there is room again', async () => {
  const { disk, store } = await opened()
  disk.bytesMax = 1000
  await expect(store.put(BYTES)).rejects.toMatchObject({ code: 'full' })
  expect(await store.has(BLOB.digest)).toBe(false)
  disk.bytesMax = Number.POSITIVE_INFINITY
  expect(await store.put(BYTES)).toEqual(BLOB)
})

test('a transfer that broke goes on where it broke', async () => {
  const { store } = await opened()
  await broken(store, [0, 1])
  const again = await store.openPartial(OWN, BLOB)
  expect(again.chunks).toBe(2)
  expect(await again.keep(blobManifest(BYTES))).toBe(2)
  await again.append(chunkOf(BYTES, 2))
  await again.finish()
  await again.close()
  expect(await store.read(BLOB.digest)).toEqual(BYTES)
})

for (const [what, change, kept] of [
  ['half a chunk', (bytes: Uint8Array) => bytes.slice(0, 1.5 * BLOB_CHUNK_BYTES), 1],
  ['more than the blob has', () => randomBytes(BYTES.length + 1), 0],
  [
    'a first chunk that is wrong',
    (bytes: Uint8Array) => bytes.map((b, i) => (i === 0 ? b ^ 1 : b)),
    0,
  ],
  ['a second chunk that is wrong', (bytes: Uint8Array) => bytes.with(BLOB_CHUNK_BYTES, 1), 1],
] as const) {
  test(`of a transfer that left ${what}, ${kept} chunks are kept`, async () => {
    const { disk, store } = await opened()
    await broken(store, [0, 1])
    const file = disk.files.get(PARTIAL)!
    file.bytes = change(file.bytes)
    const again = await store.openPartial(OWN, BLOB)
    expect(await again.keep(blobManifest(BYTES))).toBe(kept)
    await again.close()
  })
}

test('chunks that are not the blob never get its name', async () => {
  const { disk, store } = await opened()
  const partial = await store.openPartial(OWN, BLOB)
  for (const index of [0, 1]) await partial.append(chunkOf(BYTES, index))
  await partial.append(new Uint8Array(0.5 * BLOB_CHUNK_BYTES))
  await expect(partial.finish()).rejects.toThrow('not the digest')
  await partial.close()
  expect(disk.files.has(WHOLE)).toBe(false)
})

test('a file that another tab writes is left alone, and told of', async () => {
  const { disk, store } = await opened()
  await broken(store, [0])
  disk.files.get(PARTIAL)!.isOpen = true
  await expect(store.openPartial(OWN, BLOB)).rejects.toMatchObject({
    name: 'NoModificationAllowedError',
  })
  disk.files.get(PARTIAL)!.isOpen = false
  await (await store.openPartial(OWN, BLOB)).close()
})

test('one transfer of a blob follows the other', async () => {
  const { store } = await opened()
  const first = await store.openPartial(OWN, BLOB)
  const second = store.openPartial(OWN, BLOB)
  await first.append(chunkOf(BYTES, 0))
  await first.close()
  expect((await second).chunks).toBe(1)
  await (await second).close()
})

test('erasing forgets everything, also where there is nothing', async () => {
  const { disk, store } = await opened()
  await store.put(BYTES)
  await broken(store, [])
  await eraseBlobs()
  expect(disk.files.size).toBe(0)
  await eraseBlobs()
})
