/** Files of a browser that are read in ranges: no more of them is in memory than is asked for. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createOpfsBlobStore } from '../../node/browser/tab/opfs-blob-store.ts'
import { openStored, readerOf } from '../../node/browser/tab/stored-file.ts'
import { openAhead, openWeightBlob } from '../../node/browser/tab/weight-blob.ts'
import { EMBEDDED_MODEL, openBaseModel } from '../../node/model/base-model.ts'
import { randomBytes } from '../network/blob-pair.ts'
import { stubDisk } from './fake-opfs.ts'

async function stored(bytes: Uint8Array) {
  const disk = stubDisk()
  onTestFinished(() => void vi.unstubAllGlobals())
  const { digest } = await (await createOpfsBlobStore()).put(bytes)
  disk.reads.length = 0
  return { disk, digest }
}

test('ranges come through one buffer, which is as large as the largest', async () => {
  const bytes = randomBytes(1000)
  const { disk, digest } = await stored(bytes)
  const read = readerOf((await openStored(digest))!)
  const buffers = new Set<ArrayBufferLike>()
  for (const [begin, end] of [
    [900, 1000],
    [0, 7],
    [500, 600],
  ] as const) {
    const range = await read(begin, end)
    expect(range).toEqual(bytes.slice(begin, end))
    buffers.add(range.buffer)
  }
  expect([...buffers].map(({ byteLength }) => byteLength)).toEqual([100])
  expect(disk.reads).toEqual([100, 7, 100])
})

test('of a range that goes beyond the file comes what is there', async () => {
  const bytes = randomBytes(10)
  const { digest } = await stored(bytes)
  const read = readerOf((await openStored(digest))!)
  expect(await read(8, 16)).toEqual(bytes.slice(8))
})

test('no file is opened where none is, or where only one may open it', async () => {
  const { disk, digest } = await stored(randomBytes(10))
  expect(await openStored('0'.repeat(64))).toBe(null)
  disk.hasReaders = false
  expect(await openStored(digest)).toBe(null)
  expect(disk.files.get(`blobs/${digest}`)!.isOpen).toBe(false)
})

/** The embedded base, opened where a browser keeps it. */
async function storedBase() {
  const bytes = new Uint8Array(await readFile(join(EMBEDDED_MODEL, 'model.safetensors')))
  const { shape, close } = await openBaseModel(EMBEDDED_MODEL)
  close()
  const { disk, digest } = await stored(bytes)
  const file = new File([], digest)
  await openAhead(file)
  return { bytes, shape, disk, digest, weights: openWeightBlob(file, shape) }
}

test('a base is opened by its header, and only rows that are asked for are read', async () => {
  const { bytes, shape, disk, weights } = await storedBase()
  const opening = disk.reads.reduce((sum, read) => sum + read, 0)
  expect(opening).toBeLessThan(bytes.length / 20)
  disk.reads.length = 0
  weights.rows('model.embed_tokens.weight', 8, 4)
  expect(disk.reads.reduce((sum, read) => sum + read, 0)).toBeLessThanOrEqual(
    4 * 4 * shape.hiddenSize,
  )
  weights.close()
})

test('a base that became shorter is told of, and read no further', async () => {
  const { disk, digest, weights } = await storedBase()
  const kept = disk.files.get(`blobs/${digest}`)!
  kept.bytes = kept.bytes.subarray(0, 1000)
  expect(() => weights.tensor('model.norm.weight')).toThrow('has become shorter')
  weights.close()
})
