/** A blob from sources that may break, lie or say nothing: whole and right, and nothing twice. */
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type BlobSource, fetchFromSources } from '../../node/network/blob-sources.ts'
import { guardedGet } from '../../node/network/guarded-get.ts'
import { mirrorSource } from '../../node/network/mirror-source.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import { blobManifest } from '../../protocol/blob.ts'
import { BLOB_CHUNK_BYTES as CHUNK } from '../../protocol/limits.ts'
import { BLOB, randomBytes } from './blob-pair.ts'
import { type MirrorFault, mirrorServer } from './mirror-server.ts'

const MANIFEST = blobManifest(BLOB)
const REFERENCE = { digest: MANIFEST.digest, bytes: MANIFEST.bytes }
const at = (url: string) => mirrorSource(url, guardedGet('here'))
/** Its second chunk is wrong. */
const DAMAGED = Uint8Array.from(BLOB, (byte, index) => (index === CHUNK + 7 ? byte ^ 1 : byte))

async function bring(
  sources: BlobSource[],
  { store = createMemoryBlobStore(), paceMs = 30_000, signal = never() } = {},
) {
  const left: string[] = []
  const done: number[] = []
  let moved = 0
  await fetchFromSources(REFERENCE, store, {
    sources,
    signal,
    paceMs,
    hearManifest: async () => MANIFEST,
    onProgress: (bytesDone, _bytes, bytesMoved) => {
      done.push(bytesDone)
      moved += bytesMoved
    },
    onLeft: (_source, reason) => left.push(reason),
  })
  return { store, left, done, moved }
}

/** Nobody waits so long for a chunk on loopback, and no test for much longer. */
const HANG_MS = 2_000

/** Gives all at once: it is never too slow. */
function memory() {
  const askedFrom: number[] = []
  const source: BlobSource = {
    name: 'memory',
    async open(_blob, from) {
      askedFrom.push(from)
      return { at: from, pieces: once(BLOB.subarray(from)) }
    },
  }
  return { source, askedFrom }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** Never silent for as long as a source may take, but for two chunks together. */
async function* slowly(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += CHUNK) {
    await delay(0.7 * HANG_MS)
    yield bytes.subarray(from, from + CHUNK)
  }
}

const never = () => new AbortController().signal

async function isWhole({ store }: Pick<Awaited<ReturnType<typeof bring>>, 'store'>) {
  return Buffer.from(await store.read(REFERENCE.digest)).equals(BLOB)
}

test('a mirror that has it gives all of it, in one request', async () => {
  const mirror = await mirrorServer(BLOB)
  const brought = await bring([at(mirror.url)])
  expect(await isWhole(brought)).toBe(true)
  expect(mirror.asked).toEqual([`${REFERENCE.digest} all`])
  expect(brought).toMatchObject({ left: [], moved: BLOB.length })
  expect(brought.done).toEqual([CHUNK, 2 * CHUNK, BLOB.length])
})

test('what a mirror has after the end is not read', async () => {
  const longer = new Uint8Array(BLOB.length + 4 * CHUNK)
  longer.set(BLOB)
  const brought = await bring([at((await mirrorServer(longer)).url)])
  expect(await isWhole(brought)).toBe(true)
  expect(brought.left).toEqual([])
  expect(brought.moved).toBeLessThan(BLOB.length + CHUNK)
})

test('one that breaks is asked for the rest', async () => {
  const mirror = await mirrorServer(BLOB, { cutAfter: CHUNK + 1000 })
  const brought = await bring([at(mirror.url)])
  expect(await isWhole(brought)).toBe(true)
  const { digest } = REFERENCE
  expect(mirror.asked).toEqual([`${digest} all`, `${digest} bytes=${CHUNK}-`])
  expect(brought).toMatchObject({ left: [], moved: BLOB.length + 1000 })
})

test('one that gives no parts is heard from the start again', async () => {
  const mirror = await mirrorServer(BLOB, { cutAfter: 2 * CHUNK }, 'no ranges')
  const brought = await bring([at(mirror.url)])
  expect(await isWhole(brought)).toBe(true)
  expect(brought).toMatchObject({ left: [], moved: BLOB.length + 2 * CHUNK })
})

test('one that gives ever the same again is not asked for ever', async () => {
  const large = randomBytes(12 * CHUNK, 5)
  const manifest = blobManifest(large)
  const creeping = await mirrorServer(large, { creepsBy: CHUNK })
  const store = createMemoryBlobStore()
  let moved = 0
  await fetchFromSources(manifest, store, {
    sources: [at(creeping.url)],
    signal: never(),
    hearManifest: async () => manifest,
    onProgress: (_done, _bytes, more) => {
      moved += more
    },
    onLeft: () => {},
  })
  expect(await store.has(manifest.digest)).toBe(false)
  expect(moved).toBeLessThan(3 * large.length)
})

describe('the next source is asked, for what is not here yet, after a mirror that', () => {
  for (const [what, file, fault, kept, reason] of [
    ['is without it', BLOB, { status: 404 }, 0, 'answers 404'],
    ['has less than is here', BLOB, { status: 416 }, 0, 'answers 416'],
    ['gives a part where all was asked for', BLOB, { status: 206 }, 0, 'answers 206'],
    ['has other bytes', randomBytes(BLOB.length, 2), undefined, 0, 'Cannot accept chunk 0'],
    ['has a wrong chunk', DAMAGED, undefined, 1, 'Cannot accept chunk 1'],
    ['has half', BLOB, { endsAfter: CHUNK + 9 }, 1, 'fewer than'],
    ['hangs at once', BLOB, { hangsAfter: 0 }, 0, `bytes in ${HANG_MS} ms`],
    ['hangs in the middle', BLOB, { hangsAfter: 2 * CHUNK + 9 }, 2, `bytes in ${HANG_MS} ms`],
    [
      'leads to plain http',
      BLOB,
      { status: 302, location: 'http://example.org/' },
      0,
      'http://example.org is not https',
    ],
    ['leads to no address', BLOB, { status: 302, location: 'https://' }, 0, 'no address'],
    ['leads in a circle', BLOB, { status: 307, location: '/bases/x' }, 0, 'more than 5 times'],
  ] as [string, Uint8Array, MirrorFault | undefined, number, string][]) {
    test(what, async () => {
      const faulty = await mirrorServer(file, ...(fault === undefined ? [] : [fault]))
      const paceMs = reason.includes(`${HANG_MS}`) ? HANG_MS : 30_000
      const { source, askedFrom } = memory()
      const brought = await bring([at(faulty.url), source], { paceMs })
      expect(await isWhole(brought)).toBe(true)
      expect(brought.left).toEqual([expect.stringContaining(reason)])
      expect(askedFrom).toEqual([kept * CHUNK])
    })
  }

  test('gives one chunk after the other, but slowly', async () => {
    const slow: BlobSource = {
      name: 'slow',
      open: async (_blob, from) => ({ at: from, pieces: slowly(BLOB.subarray(from)) }),
    }
    const { source, askedFrom } = memory()
    const brought = await bring([slow, source], { paceMs: HANG_MS })
    expect(await isWhole(brought)).toBe(true)
    expect(brought.left).toEqual([expect.stringContaining(`bytes in ${HANG_MS} ms`)])
    expect(askedFrom).toHaveLength(1)
  })

  test('nobody answers for', async () => {
    const sound = await mirrorServer(BLOB)
    const brought = await bring([at('http://127.0.0.1:1/x'), at(sound.url)])
    expect(await isWhole(brought)).toBe(true)
    expect(brought.left).toEqual([expect.stringContaining('ECONNREFUSED')])
  })
})

test('what no source gives is not there, and what came stays for the next try', async () => {
  const half = await mirrorServer(BLOB, { endsAfter: CHUNK })
  const { store, left } = await bring([at(half.url)])
  expect([await store.has(REFERENCE.digest), left.length]).toEqual([false, 1])
  const sound = await mirrorServer(BLOB)
  expect(await isWhole(await bring([at(sound.url)], { store }))).toBe(true)
  expect(sound.asked).toEqual([`${REFERENCE.digest} bytes=${CHUNK}-`])
})

test('a signal ends it, and no other source is asked', async () => {
  const hanging = await mirrorServer(BLOB, { hangsAfter: CHUNK })
  const sound = await mirrorServer(BLOB)
  const stopping = new AbortController()
  const store = createMemoryBlobStore()
  const bringing = fetchFromSources(REFERENCE, store, {
    sources: [at(hanging.url), at(sound.url)],
    signal: stopping.signal,
    hearManifest: async () => MANIFEST,
    onProgress: () => stopping.abort(new Error('it pauses')),
    onLeft: () => {},
  })
  await expect(bringing).rejects.toThrow('it pauses')
  expect(sound.asked).toEqual([])
  const partial = await store.openPartial('own', REFERENCE)
  expect(partial.chunks).toBe(1)
})

test('hashes that fit other bytes are found out at the end, and nothing is kept', async () => {
  const other = randomBytes(BLOB.length, 2)
  const mirror = await mirrorServer(other)
  const store = createMemoryBlobStore()
  const bringing = fetchFromSources(REFERENCE, store, {
    sources: [at(mirror.url)],
    signal: never(),
    hearManifest: async () => ({ ...blobManifest(other), digest: REFERENCE.digest }),
    onProgress: () => {},
    onLeft: () => {},
  })
  await expect(bringing).rejects.toMatchObject({ code: 'digest-mismatch' })
  expect((await store.openPartial('own', REFERENCE)).chunks).toBe(0)
})
