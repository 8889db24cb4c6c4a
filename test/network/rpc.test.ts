/** Requests and replies, and what becomes of those that are none. */
import type { Connection } from '@libp2p/interface'
import { describe, expect, test } from 'vitest'
import { heard } from '../../node/heard.ts'
import { Frames, openFrames } from '../../node/network/frames.ts'
import { FAULTS_MAX, REQUESTS_PER_PEER_MAX } from '../../node/network/limits.ts'
import { RPC_PROTOCOL, request, serveRequests } from '../../node/network/rpc.ts'
import { frameHeader } from '../../protocol/framing.ts'
import { MESSAGE_BYTES_MAX, PROTOCOL_VERSION } from '../../protocol/limits.ts'
import { decodeReply, type Reply, type Request } from '../../protocol/messages.ts'
import { pack as canonicalBytes } from '../vectors/message-pack.ts'
import { testPair, until } from './hosts.ts'

/** Any value, as a peer that is not ours might encode it. */
const pack = (value: unknown) => Uint8Array.from(canonicalBytes(value))

const JOIN: Request = {
  type: 'join',
  version: PROTOCOL_VERSION,
  session: 1,
  runId: null,
  token: '',
  name: 'ada',
  software: 'test',
}
const GOODBYE: Reply = { type: 'goodbye' }

/** Sends any frame as a request, and hears the reply. */
async function ask(connection: Connection, frame: Uint8Array): Promise<Reply> {
  const frames = await openFrames(connection, RPC_PROTOCOL, { idleTimeoutMs: 30_000 })
  await frames.write(frame)
  await frames.close()
  const reply = await frames.read()
  if (reply === null) throw new Error('no reply')
  return decodeReply(reply)
}

test('a request arrives with the id that the handshake proved, and the reply returns', async () => {
  const { coordinator, connection, peer } = await testPair('memory')
  const heard: [string, Request][] = []
  await serveRequests(coordinator, async (from, asked) => {
    heard.push([from, asked])
    return { type: 'wait', reason: 'no work', retryMs: 7 }
  })
  expect(await request(connection, JOIN)).toEqual({ type: 'wait', reason: 'no work', retryMs: 7 })
  expect(heard).toEqual([[peer, JOIN]])
})

test('a peer of another version is heard, so that it can be told', async () => {
  const { coordinator, connection } = await testPair('memory')
  await serveRequests(coordinator, async (_, asked) =>
    asked.type === 'join' && asked.version === 999
      ? { type: 'refused', refusal: 'protocol-version', reason: 'we speak 1' }
      : GOODBYE,
  )
  const reply = await ask(connection, pack({ type: 'join', version: 999, colour: 'blue' }))
  expect(reply).toMatchObject({ refusal: 'protocol-version' })
})

describe('a malformed request is refused with the name of the field', () => {
  for (const [name, frame, named] of [
    ['half a map', Uint8Array.of(0x81), 'it ends early'],
    ['an empty frame', new Uint8Array(0), 'it ends early'],
    ['a number', pack(7), "'request.type'"],
    ['an unknown type', pack({ type: 'dance' }), "'request.type'"],
    ['a missing field', pack({ ...JOIN, name: undefined }), "'request.name'"],
    ['a field of the wrong type', pack({ ...JOIN, version: 'one' }), "'request.version'"],
    ['a number out of range', pack({ ...JOIN, version: -1 }), "'request.version'"],
    ['a field too many', pack({ ...JOIN, colour: 'red' }), "'request.colour'"],
    ['a name with a bell', pack({ ...JOIN, name: '\u0007' }), "'request.name'"],
    ['control characters to be quoted', pack({ ...JOIN, '\u0085\ud800': 1 }), 'a key is no name'],
    ['a name of 60 KB', pack({ ...JOIN, name: 'x'.repeat(60_000) }), "'request.name'"],
    ['a field name of 60 KB', pack({ ...JOIN, ['x'.repeat(60_000)]: 1 }), 'a key is no name'],
    ['a field name of 200 bytes', pack({ ...JOIN, ['x'.repeat(200)]: 1 }), "'request.xxx"],
    ['a list of 50,000 lists', nested(50_000), 'nested deeper than 8'],
    ['a map with a longer length', Uint8Array.of(0xde, 0, 7), 'shortest form'],
  ] as const) {
    test(name, async () => {
      const { coordinator, connection } = await testPair('memory')
      await serveRequests(coordinator, async () => GOODBYE)
      const reply = await ask(connection, frame)
      expect(reply).toMatchObject({ type: 'refused', refusal: 'malformed' })
      expect(reply.type === 'refused' && reply.reason).toContain(named)
      expect(await request(connection, JOIN)).toEqual(GOODBYE)
    })
  }
})

/** [[[[…]]]] */
function nested(depth: number): Uint8Array {
  return new Uint8Array(depth + 1).fill(0x91, 0, depth)
}

describe('what is no message at all resets the call and counts as a fault', () => {
  for (const [name, bytes] of [
    ['an oversized frame', frameHeader(MESSAGE_BYTES_MAX + 1)],
    ['a truncated frame', Uint8Array.of(0, 0, 0, 9, 1, 2)],
    ['an end without a request', new Uint8Array(0)],
  ] as const) {
    test(name, async () => {
      const { coordinator, connection } = await testPair('memory')
      await serveRequests(coordinator, async () => GOODBYE)
      for (let count = 1; count <= FAULTS_MAX; count++) {
        expect(connection.status, `after ${count - 1} faults`).toBe('open')
        const stream = await connection.newStream(RPC_PROTOCOL, {
          signal: AbortSignal.timeout(30_000),
        })
        const frames = new Frames(stream, { idleTimeoutMs: 30_000 })
        stream.send(bytes)
        await stream.close()
        await expect(frames.read()).rejects.toMatchObject({ code: 'lost' })
      }
      await until(() => connection.status !== 'open', 'the connection to be closed')
    })
  }
})

test('a peer that goes on sending malformed requests is cut off, others are not', async () => {
  const { coordinator, connection } = await testPair('memory')
  await serveRequests(coordinator, async () => GOODBYE)
  for (let count = 1; count < FAULTS_MAX; count++) await ask(connection, pack(count))
  expect(await request(connection, JOIN)).toEqual(GOODBYE)
  await ask(connection, pack(0)).catch(() => {})
  await until(() => connection.status !== 'open', 'the connection to be closed')
})

test('a peer that opens a call and says nothing is given up', async () => {
  const { coordinator, connection } = await testPair('memory')
  await serveRequests(coordinator, async () => GOODBYE, { timeoutMs: 50 })
  const frames = await openFrames(connection, RPC_PROTOCOL)
  await expect(frames.read()).rejects.toMatchObject({ code: 'lost' })
  expect(await request(connection, JOIN)).toEqual(GOODBYE)
})

test('an error of the handler resets its call, is told to us, and harms no other', async () => {
  const { coordinator, connection } = await testPair('memory')
  const errors: Error[] = []
  const handler = async (_: string, { type }: Request) => {
    if (type === 'status') throw new Error('a bug')
    return GOODBYE
  }
  await serveRequests(coordinator, handler, { onError: (error) => errors.push(error) })
  const calls = await Promise.allSettled([
    request(connection, { type: 'status' }),
    request(connection, JOIN),
  ])
  expect(calls).toMatchObject([{ reason: { code: 'lost' } }, { value: GOODBYE }])
  expect(errors).toMatchObject([{ message: 'a bug' }])
  expect(connection.status).toBe('open')
})

test('the handler is told when the peer gives up', async () => {
  const { coordinator, connection } = await testPair('memory')
  const [called, cancelled] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  await serveRequests(coordinator, async (_, __, signal) => {
    signal.addEventListener('abort', () => cancelled.resolve())
    called.resolve()
    await cancelled.promise
    return GOODBYE
  })
  const controller = new AbortController()
  const call = heard(request(connection, JOIN, controller.signal))
  await called.promise
  controller.abort(new Error('given up'))
  await expect(call).rejects.toThrow('given up')
  await cancelled.promise
})

test('a handler that takes too long is given up on both sides', async () => {
  const { coordinator, connection } = await testPair('memory')
  const never = new Promise<Reply>(() => {})
  await serveRequests(coordinator, () => never)
  const call = request(connection, JOIN, undefined, { timeoutMs: 50 })
  await expect(call).rejects.toMatchObject({ code: 'timeout' })
})

test(`a peer has at most ${REQUESTS_PER_PEER_MAX} requests in progress`, async () => {
  const { coordinator, connection } = await testPair('memory')
  let [now, most] = [0, 0]
  const released = Promise.withResolvers<void>()
  await serveRequests(coordinator, async () => {
    most = Math.max(most, ++now)
    await released.promise
    now--
    return GOODBYE
  })
  let [answered, refused] = [0, 0]
  const calls = Array.from({ length: REQUESTS_PER_PEER_MAX + 4 }, () =>
    request(connection, JOIN).then(
      () => answered++,
      () => refused++,
    ),
  )
  await until(() => refused === 4, 'the requests beyond the limit to be reset')
  released.resolve()
  await Promise.all(calls)
  expect({ most, answered }).toEqual({
    most: REQUESTS_PER_PEER_MAX,
    answered: REQUESTS_PER_PEER_MAX,
  })
  expect(await request(connection, JOIN)).toEqual(GOODBYE)
})

describe('what the asking side makes of a bad answer', () => {
  for (const [name, answer, expected] of [
    ['no answer', null, { code: 'lost' }],
    ['not MessagePack', Uint8Array.of(0x81), { code: 'malformed' }],
    ['an unknown reply', pack({ type: 'dance' }), { code: 'malformed' }],
    ['a reply of 2 MiB', new Uint8Array(2 ** 21), { code: 'too-large' }],
  ] as const) {
    test(name, async () => {
      const { coordinator, connection } = await testPair('memory')
      await coordinator.handle(RPC_PROTOCOL, async (stream) => {
        const frames = new Frames(stream)
        await frames.read()
        if (answer !== null) await frames.write(answer)
        await frames.close()
      })
      await expect(request(connection, JOIN)).rejects.toMatchObject(expected)
    })
  }
})

test('a reply as large as a RunConfig may be arrives whole', async () => {
  const { coordinator, connection } = await testPair('memory')
  const start = {
    round: 0,
    base: '0'.repeat(64),
    checkpoint: null,
    update: null,
    moment: null,
    learningRate: 0,
  }
  const joined: Reply = { type: 'joined', runConfig: new Uint8Array(2 ** 20).fill(5), start }
  await serveRequests(coordinator, async () => joined)
  expect(await request(connection, JOIN)).toEqual(joined)
})
