/** Notices reach those who listen, and cost nobody else anything when someone doesn't. */
import { describe, expect, test } from 'vitest'
import { heard } from '../../node/heard.ts'
import { connect } from '../../node/network/dial.ts'
import { Frames, openFrames } from '../../node/network/frames.ts'
import {
  createNoticeBoard,
  listenForNotices,
  NOTICES_PROTOCOL,
  type NoticeBoard,
} from '../../node/network/notices.ts'
import { encode } from '../../protocol/codec.ts'
import { frameHeader } from '../../protocol/framing.ts'
import type { Notice } from '../../protocol/messages.ts'
import { addressesOf, type Pair, testHost, testPair, until } from './hosts.ts'

/** Whether the peer would be told. */
const isListening = (board: NoticeBoard, peer: string) => board.send(peer, { type: 'heartbeat' })

const closing = (round: number): Notice => ({ type: 'closing', round })

interface Listening {
  /** All but the heartbeats. */
  notices: Notice[]
  /** How many heartbeats came. */
  beats(): number
  controller: AbortController
  ended: Promise<void>
}

function listen({ connection }: Pick<Pair, 'connection'>, timeoutMs?: number): Listening {
  const notices: Notice[] = []
  const controller = new AbortController()
  const options = timeoutMs === undefined ? {} : { timeoutMs }
  let beats = 0
  const hear = (notice: Notice) => {
    if (notice.type === 'heartbeat') beats++
    else notices.push(notice)
  }
  const ended = heard(listenForNotices(connection, hear, controller.signal, options))
  return { notices, beats: () => beats, controller, ended }
}

async function listeningPair(
  options: Parameters<typeof createNoticeBoard>[1] = {},
): Promise<Pair & Listening & { board: NoticeBoard }> {
  const pair = await testPair('memory')
  const board = await createNoticeBoard(pair.coordinator, options)
  const listening = listen(pair)
  await until(() => isListening(board, pair.peer), 'the volunteer to listen')
  return { ...pair, ...listening, board }
}

test('notices arrive in the order they were sent, to one and to all', async () => {
  const { board, peer, notices } = await listeningPair()
  const sent = Array.from({ length: 50 }, (_, round) => closing(round))
  for (const [index, notice] of sent.entries()) {
    if (index % 2 === 0) expect(board.send(peer, notice)).toBe(true)
    else board.broadcast(notice)
  }
  await until(() => notices.length === sent.length, 'all notices')
  expect(notices).toEqual(sent)
})

test('whoever starts to listen is told first what is for it', async () => {
  const greetings = new Map<string, Notice>()
  const pair = await testPair('memory')
  const board = await createNoticeBoard(pair.coordinator, {
    greeting: (peer) => greetings.get(peer) ?? null,
  })
  greetings.set(pair.peer, closing(7))
  const { notices } = listen(pair)
  await until(() => isListening(board, pair.peer), 'the volunteer to listen')
  board.broadcast(closing(8))
  await until(() => notices.length === 2, 'both notices')
  expect(notices).toEqual([closing(7), closing(8)])
})

test('a peer that does not listen cannot be told, and the sender is told that', async () => {
  const { board, notices } = await listeningPair()
  expect(board.send('12D3KooWNobody', closing(0))).toBe(false)
  board.broadcast(closing(1))
  await until(() => notices.length === 1, 'the broadcast')
})

test('closing the board ends the listeners cleanly', async () => {
  const { board, ended, connection } = await listeningPair()
  await board.close()
  await ended
  expect(connection.status).toBe('open')
})

test('a notice sent just before the board closes still arrives', async () => {
  const { board, peer, notices, ended } = await listeningPair()
  board.send(peer, closing(9))
  await board.close()
  await ended
  expect(notices).toEqual([closing(9)])
})

test('notices that wait when the board closes still arrive', async () => {
  const { board, notices, ended } = await listeningPair()
  for (let round = 0; round < 60; round++) board.broadcast(closing(round))
  await board.close()
  await ended
  expect(notices).toHaveLength(60)
})

test('a second stream of the same peer replaces the first', async () => {
  const { board, peer, ended, ...pair } = await listeningPair()
  const second = listen(pair)
  await expect(ended).rejects.toMatchObject({ code: 'lost' })
  expect(board.send(peer, closing(2))).toBe(true)
  await until(() => second.notices.length === 1, 'the notice on the second stream')
})

test('strangers are not told anything', async () => {
  const pair = await testPair('memory')
  const board = await createNoticeBoard(pair.coordinator, { isMember: () => false })
  const { ended, notices } = listen(pair)
  await expect(ended).rejects.toMatchObject({ code: 'lost' })
  expect([isListening(board, pair.peer), notices]).toEqual([false, []])
})

describe('a dead link is noticed', () => {
  test('by silence: no heartbeat came', async () => {
    const pair = await testPair('memory')
    await createNoticeBoard(pair.coordinator, { heartbeatMs: 60_000 })
    await expect(listen(pair, 50).ended).rejects.toMatchObject({ code: 'silent' })
  })

  test('not while heartbeats come', async () => {
    const pair = await testPair('memory')
    const board = await createNoticeBoard(pair.coordinator, { heartbeatMs: 5 })
    const { beats, ended } = listen(pair, 30_000)
    await until(() => beats() >= 10, 'ten heartbeats')
    await board.close()
    await ended
  })

  test('by its breaking', async () => {
    const { connection, ended, board, peer } = await listeningPair()
    connection.abort(new Error('cut by the test'))
    await expect(ended).rejects.toMatchObject({ code: 'lost' })
    await until(() => !isListening(board, peer), 'the board to notice')
  })
})

test('a peer that does not read is disconnected when its queue is full', async () => {
  const { board, peer, coordinator, connection } = await listeningPair({ queueMax: 8 })
  const deafHost = await testHost('memory', 'volunteer')
  const deaf = await connect(deafHost, addressesOf(coordinator))
  const stream = await deaf.newStream(NOTICES_PROTOCOL, { signal: AbortSignal.timeout(30_000) })
  stream.send(frameHeader(0))
  stream.addEventListener('message', () => {})
  stream.pause()
  const deafPeer = deafHost.peerId.toString()
  await until(() => isListening(board, deafPeer), 'it to listen too')
  const long: Notice = { type: 'revoked', leaseId: 1, reason: 'x'.repeat(250) }
  let sent = 0
  while (deaf.status === 'open' && sent < 20_000) {
    board.send(deafPeer, long)
    // Others are served between two notices; only the deaf one falls behind.
    if (sent++ % 8 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => !isListening(board, deafPeer), 'the deaf one to be gone')
  expect(isListening(board, peer)).toBe(true)
  expect(connection.status).toBe('open')
})

describe('a volunteer that speaks where it should listen is cut off its notices', () => {
  for (const [name, frames] of [
    ['instead of the hello', [encode('hello')]],
    ['after the hello', [new Uint8Array(0), encode('hello')]],
    ['with a second hello', [new Uint8Array(0), new Uint8Array(0)]],
    ['by ending before the hello', []],
  ] as const) {
    test(name, async () => {
      const pair = await testPair('memory')
      const board = await createNoticeBoard(pair.coordinator)
      const mine = await openFrames(pair.connection, NOTICES_PROTOCOL, { idleTimeoutMs: 30_000 })
      for (const frame of frames) await mine.write(frame)
      if (frames.length === 0) await mine.close()
      const listen = async () => {
        for await (const _ of mine.source());
      }
      await expect(listen()).rejects.toMatchObject({ code: 'lost' })
      await until(() => !isListening(board, pair.peer), 'the stream to be gone')
    })
  }
})

describe('what a listener makes of a bad notice', () => {
  for (const [name, frame, code] of [
    ['not MessagePack', Uint8Array.of(0x81), 'malformed'],
    ['an unknown notice', encode({ type: 'dance' }), 'malformed'],
    ['a notice of 65 KiB', new Uint8Array(65 * 1024 + 1), 'too-large'],
  ] as const) {
    test(name, async () => {
      const pair = await testPair('memory')
      await pair.coordinator.handle(NOTICES_PROTOCOL, async (stream) => {
        const frames = new Frames(stream)
        await frames.read()
        await frames.write(frame).catch(() => {})
      })
      await expect(listen(pair).ended).rejects.toMatchObject({ code })
    })
  }
})
