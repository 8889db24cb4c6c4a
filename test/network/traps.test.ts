/**
 * The traps of libp2p's streams, each sprung on purpose: what silently loses data, hangs, floods
 * the memory or kills the process when streams are used the obvious way. One test a trap, named for
 * what the obvious does.
 */
import { connect as openSocket, type Socket } from 'node:net'
import type { Stream } from '@libp2p/interface'
import { pipe } from 'it-pipe'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../../node/network/dial.ts'
import { Frames, openFrames } from '../../node/network/frames.ts'
import {
  BUFFERED_BYTES_HIGH,
  BUFFERED_BYTES_LOW,
  STREAM_BUFFER_BYTES_MAX,
  STREAM_WINDOW_BYTES_MAX,
} from '../../node/network/limits.ts'
import { listenForNotices, NOTICES_PROTOCOL } from '../../node/network/notices.ts'
import { request, serveRequests } from '../../node/network/rpc.ts'
import { encodeNotice } from '../../protocol/messages.ts'
import { chaosProxy } from './chaos-proxy.ts'
import { addressesOf, type Pair, testHost, testPair, testStreams, until } from './hosts.ts'

const FRAME_BYTES = 64 * 1024
const frame = (index: number, length = FRAME_BYTES) => new Uint8Array(length).fill(index)
/**
 * A resume hands over the window that waited in libp2p, and opens the next before it can be paused
 * again.
 */
const BUFFERED_BYTES_BOUND = BUFFERED_BYTES_LOW + 2 * STREAM_WINDOW_BYTES_MAX + 2 * FRAME_BYTES

/** Sends `count` frames and ends; resolves with the most bytes that waited in libp2p. */
async function send(stream: Stream, count: number, length = FRAME_BYTES): Promise<number> {
  const frames = new Frames(stream)
  let waitingMax = 0
  for (let index = 0; index < count; index++) {
    await frames.write(frame(index, length))
    waitingMax = Math.max(waitingMax, stream.writeBufferLength)
  }
  await frames.close()
  return waitingMax
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('trap 1: a reader that comes after the FIN waits for ever', async () => {
  const [opened, handled] = await testStreams(await testPair('memory'))
  await send(opened, 2, 10)
  await until(() => handled.remoteWriteStatus === 'closed', 'the FIN to arrive')
  const frames = new Frames(handled)
  expect(await frames.read()).toEqual(frame(0, 10))
  expect(await frames.read()).toEqual(frame(1, 10))
  expect(await frames.read()).toBe(null)
})

test('trap 2: a connection that dies looks like the end of the data', async () => {
  const coordinator = await testHost('tcp', 'coordinator')
  const proxy = await chaosProxy(addressesOf(coordinator))
  const volunteer = await testHost('tcp', 'volunteer')
  const connection = await connect(volunteer, proxy.addresses)
  const pair: Pair = { coordinator, volunteer, connection, peer: '' }
  const [opened, handled] = await testStreams(pair)
  await new Frames(opened).write(frame(1, 10))
  const frames = new Frames(handled)
  expect(await frames.read()).toEqual(frame(1, 10))
  const read = frames.read()
  proxy.resetAll()
  await expect(read).rejects.toMatchObject({ code: 'lost' })
})

test('trap 3: the second wait for a drain returns at once, and all is buffered', async () => {
  const [opened, handled] = await testStreams(await testPair('memory'))
  const sent = send(opened, 200)
  const reader = new Frames(handled)
  let count = 0
  for await (const _ of reader.source()) {
    if (count++ % 10 === 0) await turn()
  }
  expect(count).toBe(200)
  expect(await sent).toBeLessThanOrEqual(2 * FRAME_BYTES)
})

test('trap 4: a reader that is slow buffers without bound, or resets the stream', async () => {
  const [opened, handled] = await testStreams(await testPair('tcp'))
  const frames = new Frames(handled)
  const sent = send(opened, 160)
  await until(() => frames.bufferedBytes >= BUFFERED_BYTES_HIGH, 'the stream to be paused')
  for (let index = 0; index < 50; index++) await turn()
  expect(frames.bufferedBytes).toBeLessThanOrEqual(BUFFERED_BYTES_BOUND)
  let count = 0
  for await (const one of frames.source()) expect(one[0]).toBe(count++)
  expect(count).toBe(160)
  await sent
})

test('trap 5: a window larger than the buffer resets a paused stream', async () => {
  const [opened, handled] = await testStreams(await testPair('tcp'))
  expect(handled.maxReadBufferLength).toBe(STREAM_BUFFER_BYTES_MAX)
  expect(STREAM_WINDOW_BYTES_MAX).toBeLessThan(STREAM_BUFFER_BYTES_MAX)
  // Fast reads first, so that the window grows as far as it may; then none.
  const frames = new Frames(handled)
  const sent = send(opened, 480)
  for (let index = 0; index < 320; index++) expect((await frames.read())?.[0]).toBe(index & 255)
  await until(() => frames.bufferedBytes >= BUFFERED_BYTES_HIGH, 'the stream to be paused')
  for (let index = 0; index < 50; index++) await turn()
  let count = 320
  for await (const _ of frames.source()) count++
  expect(count).toBe(480)
  await sent
})

test('trap 6: a pause made while the stream resumes is lost', async () => {
  const [opened, handled] = await testStreams(await testPair('tcp'))
  const frames = new Frames(handled)
  const sent = send(opened, 640)
  let bufferedMax = 0
  let count = 0
  for await (const one of frames.source()) {
    expect(one[0]).toBe(count++ & 255)
    // The sender refills the window meanwhile, so that every resume hands over a full buffer.
    if (count % 8 === 0) for (let index = 0; index < 5; index++) await turn()
    bufferedMax = Math.max(bufferedMax, frames.bufferedBytes)
  }
  await sent
  expect(count).toBe(640)
  expect(bufferedMax).toBeLessThanOrEqual(BUFFERED_BYTES_BOUND)
})

test('trap 8: an exception in a listener ends the process', async () => {
  const { coordinator, connection } = await testPair('memory')
  await coordinator.handle(NOTICES_PROTOCOL, async (stream) => {
    const frames = new Frames(stream)
    await frames.read()
    await frames.write(encodeNotice({ type: 'closing', round: 1 }))
  })
  const broken = () => {
    throw new Error('the listener is broken')
  }
  const { signal } = new AbortController()
  await expect(listenForNotices(connection, broken, signal)).rejects.toThrow(
    'the listener is broken',
  )
  expect(connection.status).toBe('open')
})

test('trap 9: middleware makes one stream call its handler again and again', async () => {
  const { coordinator, connection } = await testPair('memory')
  let calls = 0
  await serveRequests(coordinator, async () => {
    calls++
    return { type: 'goodbye' }
  })
  for (let index = 1; index <= 4; index++) {
    await request(connection, { type: 'status' })
    expect(calls).toBe(index)
  }
})

test('trap 10: a stream is no part of a pipeline, frames are', async () => {
  const [opened, handled] = await testStreams(await testPair('memory'))
  expect(() => pipe([], opened as never)).toThrow()
  const frames = new Frames(opened)
  await pipe(
    (async function* () {
      yield frame(1, 10)
    })(),
    (source: AsyncIterable<Uint8Array>) => frames.sink(source),
  )
  await frames.close()
  const heard: Uint8Array[] = []
  for await (const one of new Frames(handled).source()) heard.push(one)
  expect(heard).toEqual([frame(1, 10)])
})

test('trap 11: a dial succeeds although the other side refuses', async () => {
  const coordinator = await testHost('tcp', 'coordinator', {
    connectionGater: { denyInboundEncryptedConnection: () => true },
  })
  const volunteer = await testHost('tcp', 'volunteer')
  const firstCall = async () =>
    request(await connect(volunteer, addressesOf(coordinator)), { type: 'status' })
  await expect(firstCall()).rejects.toMatchObject({ name: 'NetworkError' })
})

test('trap 11: a stream over a connection that lost the other side is given up', async () => {
  const coordinator = await testHost('tcp', 'coordinator')
  const proxy = await chaosProxy(addressesOf(coordinator))
  const volunteer = await testHost('tcp', 'volunteer')
  const connection = await connect(volunteer, proxy.addresses)
  await serveRequests(coordinator, async () => ({ type: 'goodbye' }))
  proxy.faults.blackhole = true
  const call = request(connection, { type: 'status' }, undefined, { timeoutMs: 100 })
  await expect(call).rejects.toMatchObject({ code: 'timeout' })
  const open = openFrames(connection, '/any', { idleTimeoutMs: 100 })
  await expect(open).rejects.toMatchObject({ code: 'timeout' })
})

test('trap 12: a stream on which nothing is said lives for ever', async () => {
  const { coordinator, connection } = await testPair('memory')
  const failed = Promise.withResolvers<Error>()
  await coordinator.handle('/test/silent', async (stream) => {
    await new Frames(stream, { idleTimeoutMs: 50 }).read().catch(failed.resolve)
  })
  const stream = await connection.newStream('/test/silent', { signal: AbortSignal.timeout(30_000) })
  expect(await failed.promise).toMatchObject({ code: 'silent' })
  await until(() => stream.status === 'reset', 'the silent stream to be reset')
})

test('trap 12: ten silent sockets keep everyone from joining', async () => {
  const coordinator = await testHost('tcp', 'coordinator')
  await serveRequests(coordinator, async () => ({ type: 'goodbye' }))
  const port = Number(addressesOf(coordinator)[0]?.split('/')[4])
  const sockets: Socket[] = []
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (let index = 0; index < 20; index++) {
    const socket = openSocket(port, '127.0.0.1')
    sockets.push(socket)
    await new Promise((resolve) => socket.once('connect', resolve))
  }
  const volunteers = await Promise.all(
    Array.from({ length: 8 }, () => testHost('tcp', 'volunteer')),
  )
  for (const volunteer of volunteers) {
    const connection = await connect(volunteer, addressesOf(coordinator))
    expect(await request(connection, { type: 'status' })).toEqual({ type: 'goodbye' })
  }
})
