/** One volunteer gives another the base: to whoever knows the run, what it has, and no more. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createGrowingBlob } from '../../node/network/growing-blob.ts'
import { createHost, type Host } from '../../node/network/host.ts'
import { SHARED_AT_ONCE_PER_ADDRESS, SHARING_CONNECTIONS_MAX } from '../../node/network/limits.ts'
import { enterNeighbourhood, neighbourIn } from '../../node/network/neighbourhood.ts'
import {
  askShare,
  isFull,
  proofOf,
  type ShareOptions,
  serveShare,
} from '../../node/network/share.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import { blobManifest, chunkCount, chunkOf } from '../../protocol/blob.ts'
import { concatBytes } from '../../protocol/digest.ts'
import { BLOB_BYTES_MAX, BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'
import { BLOB } from './blob-pair.ts'
import { Bus } from './bus.ts'

const { digest, bytes } = blobManifest(BLOB)
const REFERENCE = { digest, bytes }
/** A busy machine takes its time. */
const PATIENT = { timeout: 60_000 }
const SECRET = { runId: 'ab'.repeat(32), base: digest }

async function hostHere(): Promise<Host> {
  const host = await createHost({
    privateKey: await generateKeyPair('Ed25519'),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    role: 'volunteer',
    transports: [tcp()],
  })
  onTestFinished(() => host.stop())
  return host
}

async function pair(options: Partial<ShareOptions> = {}) {
  const store = createMemoryBlobStore()
  const growing = createGrowingBlob(REFERENCE, store)
  const [sharer, asker] = [await hostHere(), await hostHere()]
  let moved = 0
  const onMoved = (more: number) => {
    moved += more
  }
  const sharing = await serveShare(sharer, {
    secret: SECRET,
    growing,
    isPaused: false,
    onMoved,
    ...options,
  })
  const connection = await asker.dial(sharer.getMultiaddrs())
  const ask = (fromChunk = 0, secret = SECRET) =>
    askShare(connection, asker.peerId.toString(), {
      secret,
      fromChunk,
      signal: new AbortController().signal,
    })
  return { store, growing, sharing, sharer, connection, ask, moved: () => moved }
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const got: Uint8Array[] = []
  for await (const chunk of chunks) got.push(chunk)
  return concatBytes(...got)
}

test('what is whole is given, from the chunk that is asked for, and counted', async () => {
  const { store, ask, moved } = await pair()
  await store.put(BLOB)
  const given = await all(await ask(1))
  expect(Buffer.from(given).equals(BLOB.subarray(BLOB_CHUNK_BYTES))).toBe(true)
  expect(moved()).toBe(given.length)
})

test('who has all but the end of the largest base asks for that', async () => {
  const { store, ask, connection } = await pair()
  await store.put(BLOB)
  expect(await all(await ask(chunkCount(BLOB_BYTES_MAX) - 1))).toHaveLength(0)
  expect(connection.status).toBe('open')
})

test('what is on its way is given as it comes', async () => {
  const { store, growing, ask } = await pair()
  const partial = await store.openPartial('own', REFERENCE)
  growing.open(partial)
  const got: number[] = []
  const given = await ask()
  const taking = (async () => {
    for await (const chunk of given) got.push(chunk.length)
  })()
  for (let index = 0; index < growing.count; index++) {
    await expect.poll(() => got.length, PATIENT).toBe(index)
    await partial.append(chunkOf(BLOB, index))
    growing.changed()
  }
  await taking
  expect(got.reduce((sum, length) => sum + length, 0)).toBe(BLOB.length)
})

describe('nothing is given', () => {
  for (const [what, options, secret] of [
    ['while it pauses', { isPaused: true }, SECRET],
    ['to who knows the run alone', {}, { ...SECRET, base: 'cd'.repeat(32) }],
    ['to who knows the base alone', {}, { ...SECRET, runId: 'cd'.repeat(32) }],
  ] as const) {
    test(what, async () => {
      const { store, ask, moved } = await pair(options)
      await store.put(BLOB)
      await expect(ask(0, secret)).rejects.toThrow()
      expect(moved()).toBe(0)
    })
  }
})

test('a pause ends what is being given, and after it all is given again', async () => {
  const { store, growing, sharing, ask } = await pair()
  const partial = await store.openPartial('own', REFERENCE)
  growing.open(partial)
  const taking = all(await ask())
  const broken = expect(taking).rejects.toThrow()
  sharing.setPaused(true)
  await broken
  await expect(ask()).rejects.toThrow('gives nothing now')
  await partial.close()
  await store.put(BLOB)
  sharing.setPaused(false)
  expect((await all(await ask())).length).toBe(BLOB.length)
})

test('a connection that shows no proof is closed, and one that did stays', async () => {
  const idle = await pair({ proofTimeoutMs: 50 })
  await expect.poll(() => idle.connection.status, PATIENT).not.toBe('open')
  const { store, ask, connection } = await pair({ proofTimeoutMs: 500 })
  await store.put(BLOB)
  await all(await ask())
  const later = await pair({ proofTimeoutMs: 500 })
  await expect.poll(() => later.connection.status, PATIENT).not.toBe('open')
  expect(connection.status).toBe('open')
})

for (const [what, here, from, expected] of [
  ['the first of a network', 0, '10.0.0.2', false],
  ['one of the whole world', 0, '192.0.2.1', true],
  ['the eighth of an address', 7, '10.0.0.1', false],
  ['the ninth of an address', 8, '10.0.0.1', true],
  ['another address beside them', 8, '10.0.0.2', false],
] as const) {
  test(`${what} ${expected ? 'finds no place' : 'finds a place'}`, () => {
    const at = (ip: string) => multiaddr(`/ip4/${ip}/tcp/4001`)
    const taken = Array.from({ length: here }, () => ({ remoteAddr: at('10.0.0.1') }))
    expect(isFull(taken, at(from))).toBe(expected)
  })
}

test('all places are taken by so many, each from an address of its own', () => {
  const at = (index: number) => ({ remoteAddr: multiaddr(`/ip4/10.0.1.${index}/tcp/4001`) })
  const all = Array.from({ length: SHARING_CONNECTIONS_MAX }, (_, index) => at(index))
  expect(isFull(all.slice(1), at(200).remoteAddr)).toBe(false)
  expect(isFull(all, at(200).remoteAddr)).toBe(true)
})

test('of one address so many are given the base at the same time', async () => {
  const { growing, store, sharer } = await pair()
  const partial = await store.openPartial('own', REFERENCE)
  growing.open(partial)
  const asked = []
  for (let count = 0; count <= SHARED_AT_ONCE_PER_ADDRESS; count++) {
    const asker = await hostHere()
    const connection = await asker.dial(sharer.getMultiaddrs())
    asked.push(
      await askShare(connection, `${asker.peerId}`, {
        secret: SECRET,
        fromChunk: 0,
        signal: new AbortController().signal,
      }).then(
        () => 'given',
        (error: Error) => error.message,
      ),
    )
  }
  expect(asked.pop()).toContain('gives nothing now')
  expect(new Set(asked)).toEqual(new Set(['given']))
  await partial.close()
})

test('a proof is of one run, one base and two peers', () => {
  const proofs = [
    proofOf(SECRET, 'a', 'b'),
    proofOf(SECRET, 'b', 'a'),
    proofOf(SECRET, 'a', 'c'),
    proofOf({ ...SECRET, runId: digest }, 'a', 'b'),
    proofOf({ ...SECRET, base: SECRET.runId }, 'a', 'b'),
  ]
  expect(new Set(proofs).size).toBe(proofs.length)
})

describe('on the network', () => {
  const enter = (bus: Bus, id: string, secret = SECRET) => {
    const own = { id: id.repeat(16), addresses: [`/ip4/10.0.0.1/tcp/${id.charCodeAt(0)}`] }
    const entered = enterNeighbourhood(secret, own, bus.end())
    onTestFinished(entered.leave)
    return entered
  }

  test('those of one run and base hear each other, and no others', async () => {
    const bus = new Bus('10.0.0.1')
    const ann = enter(bus, 'a')
    const ben = enter(bus, 'b')
    const other = enter(bus, 'c', { ...SECRET, runId: digest })
    ben.tell({ rank: 1, isLooking: true })
    other.tell({ rank: 0, isLooking: false })
    ann.ask()
    await expect
      .poll(() => ann.heard(), PATIENT)
      .toEqual([
        { id: 'b'.repeat(16), rank: 1, isLooking: true, addresses: ['/ip4/10.0.0.1/tcp/98'] },
      ])
    expect(other.heard()).toEqual([])
  })

  test('a machine that names others leads nobody there', async () => {
    const bus = new Bus('10.0.0.66')
    const ann = enter(bus, 'a')
    enter(bus, 'b').tell({ rank: 0, isLooking: false })
    ann.ask()
    await expect
      .poll(() => ann.heard(), PATIENT)
      .toEqual([{ id: 'b'.repeat(16), rank: 0, isLooking: false, addresses: [] }])
  })

  test('neither run nor digest is said', () => {
    const bus = new Bus()
    const said: object[] = []
    bus.end().on('response', (packet) => said.push(packet))
    enter(bus, 'a').tell({ rank: 0, isLooking: false })
    expect(said).toHaveLength(1)
    for (const secret of [SECRET.runId, SECRET.base]) {
      expect(JSON.stringify(said)).not.toContain(secret.slice(0, 8))
    }
  })

  test('what a stranger says stays within bounds', () => {
    const at = (address: string) => `at=${address}`
    const many = Array.from({ length: 9 }, (_, index) => at(`/ip4/10.0.0.1/tcp/${index}`))
    expect(neighbourIn('x', ['rank=99', at('x'.repeat(101)), ...many])).toEqual({
      id: 'x',
      rank: null,
      isLooking: false,
      addresses: many.slice(0, 4).map((one) => one.slice(3)),
    })
    expect(neighbourIn('x', undefined)).toMatchObject({ rank: null, addresses: [] })
  })
})
