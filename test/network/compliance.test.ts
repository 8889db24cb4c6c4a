/** What every transport must carry alike: calls, notices and blobs, for one peer and for many. */
import { describe, expect, test } from 'vitest'
import { fetchBlob, uploadBlob } from '../../node/network/blobs.ts'
import { connect } from '../../node/network/dial.ts'
import { Frames, openFrames } from '../../node/network/frames.ts'
import { createNoticeBoard, listenForNotices } from '../../node/network/notices.ts'
import { request, serveRequests } from '../../node/network/rpc.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import type { Notice } from '../../protocol/messages.ts'
import { BLOB, blobPair, expectStored, randomBytes } from './blob-pair.ts'
import { addressesOf, testHost, testPair, until, WIRES } from './hosts.ts'

/** More than libp2p's defaults of 5 connections a second from one address and 10 pending. */
const PEERS = { memory: 50, tcp: 20, websocket: 20 }

describe.each(WIRES)('over %s', (wire) => {
  test('a call is answered', async () => {
    const { coordinator, connection } = await testPair(wire)
    await serveRequests(coordinator, async () => ({ type: 'wait', reason: 'soon', retryMs: 5 }))
    const reply = await request(connection, { type: 'status' })
    expect(reply).toEqual({ type: 'wait', reason: 'soon', retryMs: 5 })
  })

  test('notices arrive in order until the board closes', async () => {
    const { coordinator, connection, peer } = await testPair(wire)
    const board = await createNoticeBoard(coordinator)
    const rounds: number[] = []
    const hear = (notice: Notice) => {
      if (notice.type === 'closing') rounds.push(notice.round)
    }
    const ended = listenForNotices(connection, hear, new AbortController().signal)
    await until(() => board.send(peer, { type: 'heartbeat' }), 'the volunteer to listen')
    for (let round = 0; round < 30; round++) board.broadcast({ type: 'closing', round })
    await board.close()
    await ended
    expect(rounds).toEqual([...Array(30).keys()])
  })

  test('blobs move up and down', async () => {
    const { connection, theirs, mine } = await blobPair(wire)
    const up = randomBytes(BLOB.length, 2)
    await fetchBlob(connection, await theirs.put(BLOB), mine)
    await uploadBlob(connection, 1, await mine.put(up), mine)
    await expectStored(mine, BLOB)
    await expectStored(theirs, up)
  })

  test('when the coordinator stops, whoever waits for it hears so', async () => {
    const { coordinator, connection } = await testPair(wire)
    await createNoticeBoard(coordinator)
    const called = Promise.withResolvers<void>()
    await serveRequests(coordinator, async () => {
      called.resolve()
      return new Promise(() => {})
    })
    const listening = listenForNotices(connection, () => {}, new AbortController().signal)
    const call = request(connection, { type: 'status' })
    const outcomes = Promise.allSettled([listening, call])
    await called.promise
    await coordinator.stop()
    for (const outcome of await outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'lost' })
    }
    expect((await outcomes)[1]?.status).toBe('rejected')
  })

  test(`${PEERS[wire]} peers at once are all served`, async () => {
    const coordinator = await testHost(wire, 'coordinator')
    await coordinator.handle('/test/echo', async (stream) => {
      const frames = new Frames(stream)
      await frames.sink(frames.source())
      await frames.close()
    })
    const echo = async (index: number): Promise<Uint8Array | null> => {
      const volunteer = await testHost(wire, 'volunteer')
      const connection = await connect(volunteer, addressesOf(coordinator))
      const frames = await openFrames(connection, '/test/echo')
      await frames.write(new Uint8Array(1_000).fill(index))
      await frames.close()
      return frames.read()
    }
    const echoes = await Promise.all(Array.from({ length: PEERS[wire] }, (_, index) => echo(index)))
    expect(echoes).toEqual(echoes.map((_, index) => new Uint8Array(1_000).fill(index)))
    expect(coordinator.getPeers()).toHaveLength(PEERS[wire])
  })
})

test('a blob that everyone pulls at once arrives everywhere', async () => {
  const { coordinator, theirs } = await blobPair('memory')
  const blob = await theirs.put(randomBytes(100_000))
  const pull = async () => {
    const volunteer = await testHost('memory', 'volunteer')
    const store = createMemoryBlobStore()
    await fetchBlob(await connect(volunteer, addressesOf(coordinator)), blob, store)
    return store.has(blob.digest)
  }
  const arrived = await Promise.all(Array.from({ length: 30 }, pull))
  expect(arrived.every(Boolean)).toBe(true)
})
