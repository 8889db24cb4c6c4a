/** Whether a peer elsewhere reaches a port: what it says, and whom it does not ask. */
import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import type { Connection } from '@libp2p/interface'
import { expect, onTestFinished, test } from 'vitest'
import { heard } from '../../node/heard.ts'
import { connect } from '../../node/network/dial.ts'
import {
  answerDialBack,
  askDialBack,
  DIAL_BACK_PROTOCOL,
  dialBackAnswer,
  LEADS_ELSEWHERE,
  serveDialBack,
} from '../../node/network/dial-back.ts'
import { openFrames } from '../../node/network/frames.ts'
import type { Host } from '../../node/network/host.ts'
import { DIAL_BACKS_MAX } from '../../node/network/limits.ts'
import { placeOfPeer } from '../../node/network/network-of.ts'
import { parse } from '../../protocol/index.ts'
import { freePort } from '../roles/free-port.ts'
import { addressesOf, testHost } from './hosts.ts'

const HERE = '127.0.0.1'
const NONCE = 'a1b2c3'

interface Asking {
  helper: Host
  connection: Connection
}

/** @param placeOf what this machine looks like to one elsewhere */
async function asking(placeOf?: (address: string) => string | null): Promise<Asking> {
  const helper = await testHost('tcp', 'coordinator')
  await serveDialBack(helper, placeOf)
  const connection = await connect(await testHost('tcp', 'volunteer'), addressesOf(helper))
  return { helper, connection }
}

async function listening(server: Server): Promise<number> {
  server.listen(0, HERE)
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const pages = (answer: RequestListener): Promise<number> => listening(createHttpServer(answer))

test('a port is reached where the one that asked answers', async () => {
  const port = await pages((request, response) => {
    if (!answerDialBack(request, response)) response.end('a page')
  })
  const { connection } = await asking(() => HERE)
  const answer = await askDialBack(connection, { port, nonce: NONCE })
  expect(answer).toEqual({ type: 'reached', address: HERE })
  expect(await (await fetch(`http://${HERE}:${port}/`)).text()).toBe('a page')
})

for (const [what, answer] of [
  ['says nothing of it', (_, response) => response.end()],
  ['repeats the question', ({ url }, response) => response.end(url)],
  [
    'answers another',
    (_, response) => void answerDialBack({ url: '/dial-back?x' } as never, response),
  ],
  ['goes on and on', (_, response) => response.end('x'.repeat(1_000_000))],
] as [string, RequestListener][]) {
  test(`a port where somebody ${what} is missed`, async () => {
    const port = await pages(answer)
    const { connection } = await asking(() => HERE)
    const told = await askDialBack(connection, { port, nonce: NONCE })
    expect(told).toEqual({ type: 'missed', address: HERE, reason: LEADS_ELSEWHERE })
  })
}

test('a port that redirects is missed', async () => {
  const port = await pages((_, response) => response.writeHead(302, { location: '/x' }).end())
  const { connection } = await asking(() => HERE)
  const told = await askDialBack(connection, { port, nonce: NONCE })
  expect(told).toMatchObject({ type: 'missed', address: HERE })
})

test('a port where nothing listens is missed, and why is said', async () => {
  const { connection } = await asking(() => HERE)
  const port = await freePort()
  expect(await askDialBack(connection, { port, nonce: NONCE })).toEqual({
    type: 'missed',
    address: HERE,
    reason: 'nothing listens there',
  })
})

test('what comes from the same machine, or through a proxy on it, is asked nowhere', async () => {
  let came = 0
  const port = await pages((_, response) => {
    came += 1
    response.end()
  })
  const { connection } = await asking()
  expect(await askDialBack(connection, { port, nonce: NONCE })).toEqual({ type: 'unseen' })
  expect(came).toBe(0)
})

test('few are asked at a time', async () => {
  const silent = createServer()
  const port = await listening(silent)
  const { helper, connection } = await asking(() => HERE)
  const stopping = new AbortController()
  onTestFinished(() => stopping.abort())
  for (let i = 0; i < DIAL_BACKS_MAX; i++) {
    const other = await connect(await testHost('tcp', 'volunteer'), addressesOf(helper))
    void heard(askDialBack(other, { port, nonce: NONCE }, stopping.signal))
  }
  const connections = () =>
    new Promise<number>((resolve) => silent.getConnections((_, count) => resolve(count)))
  await expect.poll(connections, { timeout: 30_000 }).toBe(DIAL_BACKS_MAX)
  expect(await askDialBack(connection, { port, nonce: NONCE })).toEqual({ type: 'busy' })
})

for (const answer of [
  { type: 'reached', address: '192.0.2.1/tcp/1/p2p/eve' },
  { type: 'reached', address: '' },
  { type: 'missed', address: 'example.org', reason: '' },
]) {
  test(`an address that is none is refused: ${answer.address}`, () =>
    expect(() => parse(dialBackAnswer, answer, 'answer')).toThrow('must be an IP address'))
}

for (const [address, place] of [
  ['/ip4/192.0.2.1/tcp/4001', 'ip4/192.0.2.1'],
  ['/ip6/2001:db8::1/tcp/4001/ws', 'ip6/2001:db8::1'],
  ['/ip4/127.0.0.1/tcp/4001', null],
  ['/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWrelay/p2p-circuit/p2p/12D3KooWeve', null],
] as const) {
  test(`the place of ${address} is ${place}`, () => expect(placeOfPeer(address)).toBe(place))
}

test('a question that is none is no reason to ask', async () => {
  const { connection } = await asking(() => HERE)
  const frames = await openFrames(connection, DIAL_BACK_PROTOCOL)
  await frames.write(new Uint8Array([0xc1]))
  await frames.close()
  await expect(frames.read()).rejects.toThrow()
})

test('a peer that answers no such questions is told apart', async () => {
  const other = await testHost('tcp', 'coordinator')
  const connection = await connect(await testHost('tcp', 'volunteer'), addressesOf(other))
  await expect(askDialBack(connection, { port: 4001, nonce: NONCE })).rejects.toThrow(
    `Cannot open ${DIAL_BACK_PROTOCOL}`,
  )
})
