/**
 * Blobs move whole or not at all; nothing is believed but hashes, and nobody gets more than a
 * share.
 */
import { describe, expect, test } from 'vitest'
import { BLOB_PROTOCOL, UPLOAD_PROTOCOL } from '../../node/network/blob-messages.ts'
import { fetchBlob, uploadBlob } from '../../node/network/blobs.ts'
import { Frames, openFrames } from '../../node/network/frames.ts'
import { blobManifest, chunkOf, encodeBlobManifest } from '../../protocol/blob.ts'
import { encode } from '../../protocol/codec.ts'
import { digestOf } from '../../protocol/digest.ts'
import { frameHeader } from '../../protocol/framing.ts'
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'
import { BLOB, blobPair, expectStored, randomBytes } from './blob-pair.ts'
import { testPair, until } from './hosts.ts'

const GO = encode({ type: 'go', fromChunk: 0 })
const MANIFEST = blobManifest(BLOB)
const CHUNKS = [0, 1, 2].map((index) => chunkOf(BLOB, index))
const REFERENCE = { digest: MANIFEST.digest, bytes: MANIFEST.bytes }
const damagedChunk = Uint8Array.from(CHUNKS[1]!, (byte, index) => (index === 77 ? byte ^ 1 : byte))
/** A manifest that fits other bytes, and claims to be the blob's. */
const FORGED = { ...MANIFEST, chunkHashes: blobManifest(randomBytes(BLOB.length, 2)).chunkHashes }

describe('a blob of any size moves whole, both ways', () => {
  for (const length of [
    1,
    1_000,
    BLOB_CHUNK_BYTES - 1,
    BLOB_CHUNK_BYTES,
    BLOB_CHUNK_BYTES + 1,
    BLOB.length,
  ]) {
    test(`${length} bytes`, async () => {
      const { connection, mine, theirs, peer, uploaded } = await blobPair('memory')
      const [down, up] = [randomBytes(length, 3), randomBytes(length, 4)]
      const offered = await theirs.put(down)
      await fetchBlob(connection, offered, mine)
      await expectStored(mine, down)
      const payload = await mine.put(up)
      await uploadBlob(connection, 7, payload, mine)
      await expectStored(theirs, up)
      expect(uploaded).toEqual([[peer, 7, payload]])
    })
  }
})

test('progress counts bytes up to the whole blob, and what was moved of it', async () => {
  const { connection, mine, theirs } = await blobPair('memory')
  const blob = await theirs.put(BLOB)
  const seen: number[][] = []
  await fetchBlob(connection, blob, mine, { onProgress: (...progress) => seen.push(progress) })
  const chunks = [
    [1, 1],
    [2, 1],
    [2.5, 0.5],
  ] as const
  const bytes = (count: number) => count * BLOB_CHUNK_BYTES
  expect(seen).toEqual(chunks.map(([done, moved]) => [bytes(done), BLOB.length, bytes(moved)]))
})

test('a blob that is here is not fetched again', async () => {
  const { connection, mine } = await blobPair('memory', {
    mayServe: () => {
      throw new Error('asked in vain')
    },
  })
  await fetchBlob(connection, await mine.put(BLOB), mine)
})

test('the same blob asked for twice at a time is fetched once', async () => {
  let asked = 0
  const { connection, mine, theirs } = await blobPair('memory', { mayServe: () => ++asked > 0 })
  const blob = await theirs.put(BLOB)
  await Promise.all([1, 2, 3].map(() => fetchBlob(connection, blob, mine)))
  expect(asked).toBe(1)
})

describe('a download is refused with a reason', () => {
  for (const [name, mayServe, change, reason] of [
    ['of a blob that is not for us', false, {}, 'no blob'],
    ['of a blob that does not exist', true, { digest: digestOf(Uint8Array.of(1)) }, 'no blob'],
    ['of a blob with another size', true, { bytes: BLOB.length + 1 }, `has ${BLOB.length} bytes`],
  ] as const) {
    test(name, async () => {
      const { connection, mine, theirs } = await blobPair('memory', { mayServe: () => mayServe })
      const wanted = { ...(await theirs.put(BLOB)), ...change }
      const fetch = fetchBlob(connection, wanted, mine)
      await expect(fetch).rejects.toMatchObject({
        code: 'refused',
        message: expect.stringContaining(reason),
      })
      expect(connection.status).toBe('open')
    })
  }
})

describe('what a coordinator may send instead of the blob', () => {
  const manifest = encodeBlobManifest(MANIFEST)
  for (const [name, answer, code] of [
    ['nothing', [], 'truncated'],
    ['rubbish', [Uint8Array.of(0x81)], 'malformed'],
    ['an answer to something else', [encode({ type: 'stored' })], 'malformed'],
    [
      'the manifest of another blob',
      [GO, encodeBlobManifest(blobManifest(CHUNKS[0]!))],
      'digest-mismatch',
    ],
    [
      'a manifest with another size',
      [GO, encode({ ...MANIFEST, bytes: BLOB.length + 1 })],
      'digest-mismatch',
    ],
    [
      'a manifest without hashes',
      [GO, encode({ ...MANIFEST, chunkHashes: new Uint8Array(0) })],
      'digest-mismatch',
    ],
    ['a manifest that is too long', [GO, new Uint8Array(5_000)], 'too-large'],
    [
      'a forged manifest and the true chunks',
      [GO, encodeBlobManifest(FORGED), ...CHUNKS],
      'digest-mismatch',
    ],
    ['a wrong chunk', [GO, manifest, CHUNKS[0]!, damagedChunk], 'digest-mismatch'],
    ['chunks in another order', [GO, manifest, CHUNKS[1]!, CHUNKS[0]!], 'digest-mismatch'],
    ['a chunk that is too long', [GO, manifest, new Uint8Array(BLOB_CHUNK_BYTES + 1)], 'too-large'],
    ['a chunk too many', [GO, manifest, ...CHUNKS, CHUNKS[0]!], 'digest-mismatch'],
    ['a chunk too few', [GO, manifest, ...CHUNKS.slice(0, 2)], 'truncated'],
  ] as const) {
    test(`${name}: ${code}`, async () => {
      const { coordinator, connection, mine } = await blobPair('memory')
      await coordinator.unhandle(BLOB_PROTOCOL)
      await coordinator.handle(BLOB_PROTOCOL, async (stream) => {
        const frames = new Frames(stream)
        for (const frame of answer) await frames.write(frame).catch(() => {})
        await frames.close().catch(() => {})
      })
      await expect(fetchBlob(connection, REFERENCE, mine)).rejects.toMatchObject({ code })
      expect(await mine.list()).toEqual([])
    })
  }

  test('other bytes and a manifest that fits them: found at the end, nothing is kept', async () => {
    const { coordinator, connection, mine, theirs } = await blobPair('memory')
    await theirs.put(BLOB)
    const fake = randomBytes(BLOB.length, 2)
    await coordinator.unhandle(BLOB_PROTOCOL)
    await coordinator.handle(BLOB_PROTOCOL, async (stream) => {
      const frames = new Frames(stream)
      await frames.write(GO)
      await frames.write(encodeBlobManifest({ ...blobManifest(fake), digest: REFERENCE.digest }))
      for (const index of [0, 1, 2]) await frames.write(chunkOf(fake, index))
      await frames.close()
    })
    await expect(fetchBlob(connection, REFERENCE, mine)).rejects.toMatchObject({
      code: 'digest-mismatch',
    })
    const partial = await mine.openPartial('own', REFERENCE)
    expect([partial.chunks, await mine.list()]).toEqual([0, []])
  })
})

describe('an upload that is not admitted is refused before a byte of it moves', () => {
  test('with the coordinator’s reason', async () => {
    const { connection, mine, theirs, uploaded } = await blobPair('memory', {
      admitUpload: async () => ({
        type: 'refused',
        refusal: 'not-committed',
        reason: 'commit first',
      }),
    })
    const upload = uploadBlob(connection, 7, await mine.put(BLOB), mine)
    await expect(upload).rejects.toMatchObject({
      code: 'refused',
      refusal: 'not-committed',
      message: 'not-committed: commit first',
    })
    expect([await theirs.list(), uploaded]).toEqual([[], []])
  })

  test('and an answer that makes no sense is our own bug', async () => {
    const { connection, mine, errors } = await blobPair('memory', {
      admitUpload: async () => ({ type: 'goodbye' }),
    })
    const upload = uploadBlob(connection, 7, await mine.put(BLOB), mine)
    await expect(upload).rejects.toMatchObject({ code: 'lost' })
    expect(errors).toMatchObject([{ message: "An upload was answered 'goodbye'" }])
  })
})

test('trap 7: a push right after the stream is open overflows it', async () => {
  const { coordinator, connection, mine } = await blobPair('memory')
  await coordinator.unhandle(UPLOAD_PROTOCOL)
  const opened = Promise.withResolvers<Frames>()
  await coordinator.handle(UPLOAD_PROTOCOL, (stream) => opened.resolve(new Frames(stream)))
  const upload = uploadBlob(connection, 7, await mine.put(BLOB), mine, {
    idleTimeoutMs: 100,
    slotTimeoutMs: 0,
  })
  await expect(upload).rejects.toMatchObject({ code: 'silent' })
  const frames = await opened.promise
  const offered = await frames.read()
  const manifest = await frames.read()
  expect(offered!.length + manifest!.length).toBeLessThan(500)
  expect(frames.bufferedBytes).toBe(0)
})

describe('what a volunteer may send instead of its payload', () => {
  const offer = encode({ leaseId: 7, payload: REFERENCE })
  const manifest = encodeBlobManifest(MANIFEST)
  const fake = randomBytes(BLOB.length, 2)
  const fakeManifest = encodeBlobManifest({ ...blobManifest(fake), digest: REFERENCE.digest })
  const fakeChunks = [0, 1, 2].map((index) => chunkOf(fake, index))
  for (const [name, head, chunks, wrong] of [
    ['nothing', [], [], 0],
    ['rubbish', [Uint8Array.of(0x81)], [], 0],
    ['an offer of nothing', [encode({ leaseId: 7, payload: { ...REFERENCE, bytes: 0 } })], [], 0],
    ['no manifest', [offer], [], 0],
    ['the manifest of another blob', [offer, encodeBlobManifest(blobManifest(CHUNKS[0]!))], [], 1],
    ['a manifest that is too long', [offer, new Uint8Array(5_000)], [], 0],
    ['a wrong chunk', [offer, manifest], [CHUNKS[0]!, damagedChunk], 1],
    ['a chunk too many', [offer, manifest], [...CHUNKS, CHUNKS[0]!], 1],
    ['a chunk too few', [offer, manifest], CHUNKS.slice(0, 2), 0],
    ['other bytes and a manifest that fits them', [offer, fakeManifest], fakeChunks, 1],
  ] as const) {
    test(`${name}: not stored, told ${wrong} times, and the truth is welcome`, async () => {
      const pair = await blobPair('memory')
      const frames = await openFrames(pair.connection, UPLOAD_PROTOCOL)
      const send = async () => {
        for (const frame of head) await frames.write(frame)
        if (chunks.length > 0) await frames.read()
        for (const chunk of chunks) await frames.write(chunk)
        await frames.close()
        for await (const _ of frames.source());
      }
      await send().catch(() => {})
      expect([await pair.theirs.list(), pair.uploaded, pair.errors]).toEqual([[], [], []])
      expect(pair.wrong.map(([peer, leaseId]) => [peer, leaseId])).toEqual(
        Array.from({ length: wrong }, () => [pair.peer, 7]),
      )
      await pair.mine.put(BLOB)
      await uploadBlob(pair.connection, 7, REFERENCE, pair.mine)
      await expectStored(pair.theirs, BLOB)
    })
  }
})

describe('the payload is stored, and then', () => {
  const noDelta = () => ({ status: 'refused', reason: 'no delta of this run' }) as const
  const refusal = { message: 'wrong-payload: no delta of this run' }

  test('the coordinator finds that it is none: refused, and gone', async () => {
    const pair = await blobPair('memory', { onUploaded: noDelta })
    const payload = await pair.mine.put(BLOB)
    for (const attempt of [1, 2]) {
      const upload = uploadBlob(pair.connection, 7, payload, pair.mine)
      await expect(upload, `attempt ${attempt}`).rejects.toMatchObject(refusal)
      expect(await pair.theirs.has(payload.digest)).toBe(false)
    }
    expect(pair.wrong).toEqual([1, 2].map(() => [pair.peer, 7, 'no delta of this run']))
    expect(pair.errors).toEqual([])
  })

  test('what the coordinator had before it was offered stays', async () => {
    const pair = await blobPair('memory', { onUploaded: noDelta })
    await pair.theirs.put(BLOB)
    const upload = uploadBlob(pair.connection, 7, await pair.mine.put(BLOB), pair.mine)
    await expect(upload).rejects.toMatchObject(refusal)
    await expectStored(pair.theirs, BLOB)
  })

  test('the coordinator fails: the volunteer tries again, and sends no byte twice', async () => {
    let failing = true
    const pair = await blobPair('memory', {
      onUploaded: async () => {
        if (failing) throw new Error('the journal is full')
        return { status: 'taken' }
      },
    })
    const payload = await pair.mine.put(BLOB)
    const upload = () => {
      const sent: number[] = []
      const onProgress = (bytesDone: number) => void sent.push(bytesDone)
      return uploadBlob(pair.connection, 7, payload, pair.mine, { onProgress }).then(() => sent)
    }
    await expect(upload()).rejects.toMatchObject({ code: 'lost' })
    expect(pair.errors).toMatchObject([{ message: 'the journal is full' }])
    failing = false
    expect(await upload()).toEqual([])
  })
})

test('a host that stops in the middle of an upload waits for what it still does', async () => {
  const [begun, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const pair = await blobPair('memory', {
    onUploaded: async () => {
      begun.resolve()
      await mayEnd.promise
      return { status: 'taken' }
    },
  })
  const upload = uploadBlob(pair.connection, 7, await pair.mine.put(BLOB), pair.mine)
  const failed = expect(upload).rejects.toMatchObject({ name: 'NetworkError' })
  await begun.promise
  await pair.coordinator.stop()
  await failed
  const order: string[] = []
  const ended = pair.transfersEnded().then(() => order.push('ended'))
  await new Promise(setImmediate)
  order.push('still at work')
  mayEnd.resolve()
  await ended
  expect(order).toEqual(['still at work', 'ended'])
  await pair.transfersEnded()
})

test('a blob that is damaged on the coordinator’s disk is our own error', async () => {
  const { connection, mine, theirs, errors } = await blobPair('memory')
  const blob = await theirs.put(BLOB)
  theirs.manifest = async () => {
    throw new Error('damaged')
  }
  await expect(fetchBlob(connection, blob, mine)).rejects.toMatchObject({ code: 'lost' })
  expect(errors).toMatchObject([{ message: 'damaged' }])
})

test('a fetch that is given up leaves what arrived, and the next one goes on', async () => {
  const { connection, mine, theirs } = await blobPair('memory')
  const blob = await theirs.put(BLOB)
  const controller = new AbortController()
  const onProgress = () => controller.abort(new Error('given up'))
  const first = fetchBlob(connection, blob, mine, { signal: controller.signal, onProgress })
  await expect(first).rejects.toThrow('given up')
  const seen: number[] = []
  await fetchBlob(connection, blob, mine, { onProgress: (bytesDone) => seen.push(bytesDone) })
  expect(seen[0]).toBeGreaterThan(BLOB_CHUNK_BYTES)
  await expectStored(mine, BLOB)
})

test('strangers who open a transfer and say nothing are given up', async () => {
  const { connection } = await blobPair('memory', { idleTimeoutMs: 50 })
  for (const protocol of [BLOB_PROTOCOL, UPLOAD_PROTOCOL]) {
    const frames = await openFrames(connection, protocol)
    await expect(frames.read()).rejects.toMatchObject({ code: 'lost' })
  }
})

test('a header that promises 4 GiB costs nothing', async () => {
  const { coordinator, connection } = await testPair('memory')
  const seen = Promise.withResolvers<Frames>()
  await coordinator.handle('/test/header', (stream) => seen.resolve(new Frames(stream)))
  const stream = await connection.newStream('/test/header', { signal: AbortSignal.timeout(30_000) })
  stream.send(frameHeader(0xffffffff))
  const frames = await seen.promise
  await until(() => frames.bufferedBytes === 4, 'the header')
  await expect(frames.read({ frameBytesMax: BLOB_CHUNK_BYTES })).rejects.toMatchObject({
    code: 'too-large',
  })
})
