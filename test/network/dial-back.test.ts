/** Whether a peer elsewhere reaches a port: what it says, and whom it does not dial. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Connection } from '@libp2p/interface'
import { expect, onTestFinished, test } from 'vitest'
import { heard } from '../../node/heard.ts'
import { connect } from '../../node/network/dial.ts'
import {
  askDialBack,
  DIAL_BACK_PROTOCOL,
  dialBackAnswer,
  serveDialBack,
} from '../../node/network/dial-back.ts'
import { openFrames } from '../../node/network/frames.ts'
import type { Host } from '../../node/network/host.ts'
import { DIAL_BACKS_MAX } from '../../node/network/limits.ts'
import { placeOfPeer } from '../../node/network/network-of.ts'
import { parse } from '../../protocol/index.ts'
import { freePort } from '../roles/free-port.ts'
import { addressesOf, testHost, until } from './hosts.ts'

/** What this machine looks like to one elsewhere. */
const HERE = () => 'ip4/127.0.0.1'

interface Asking {
  helper: Host
  asker: Host
  connection: Connection
}

async function asking(listen: string[], placeOf = HERE as typeof placeOfPeer): Promise<Asking> {
  const helper = await testHost('tcp', 'coordinator')
  await serveDialBack(helper, placeOf)
  const asker = await testHost('tcp', 'volunteer', { listen })
  return { helper, asker, connection: await connect(asker, addressesOf(helper)) }
}

for (const isWebSocket of [false, true]) {
  test(`a port is reached, by ${isWebSocket ? 'WebSockets' : 'TCP'}`, async () => {
    const port = await freePort()
    const { asker, helper, connection } = await asking([
      `/ip4/127.0.0.1/tcp/${port}${isWebSocket ? '/ws' : ''}`,
    ])
    expect(await askDialBack(connection, { port, isWebSocket })).toEqual({
      type: 'reached',
      address: '127.0.0.1',
    })
    // What was dialled is closed again.
    await until(() => helper.getConnections(asker.peerId).length === 1, 'one connection is left')
  })
}

test('a port where nothing listens is missed, and why is said', async () => {
  const { connection } = await asking([])
  const port = await freePort()
  expect(await askDialBack(connection, { port, isWebSocket: false })).toEqual({
    type: 'missed',
    address: '127.0.0.1',
    reason: 'nothing listens there',
  })
})

test('a port where somebody else listens is missed', async () => {
  const port = await freePort()
  await testHost('tcp', 'coordinator', { listen: [`/ip4/127.0.0.1/tcp/${port}`] })
  const { connection } = await asking([])
  const answer = await askDialBack(connection, { port, isWebSocket: false })
  expect(answer.type).toBe('missed')
})

test('what comes from the same machine, or through a proxy on it, is dialled nowhere', async () => {
  const port = await freePort()
  const { asker, connection } = await asking([`/ip4/127.0.0.1/tcp/${port}`], placeOfPeer)
  let came = 0
  asker.addEventListener('connection:open', () => {
    came += 1
  })
  expect(await askDialBack(connection, { port, isWebSocket: false })).toEqual({ type: 'unseen' })
  expect(came).toBe(0)
})

test('few are dialled at a time', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void silent.close())
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const { helper, connection } = await asking([])
  const stopping = new AbortController()
  onTestFinished(() => stopping.abort())
  for (let i = 0; i < DIAL_BACKS_MAX; i++) {
    const other = await connect(await testHost('tcp', 'volunteer'), addressesOf(helper))
    void heard(askDialBack(other, { port, isWebSocket: false }, stopping.signal))
  }
  const connections = () =>
    new Promise<number>((resolve) => silent.getConnections((_, n) => resolve(n)))
  await expect.poll(connections, { timeout: 30_000 }).toBe(DIAL_BACKS_MAX)
  expect(await askDialBack(connection, { port, isWebSocket: false })).toEqual({ type: 'busy' })
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

test('a question that is none is no reason to dial', async () => {
  const { connection } = await asking([])
  const frames = await openFrames(connection, DIAL_BACK_PROTOCOL)
  await frames.write(new Uint8Array([0xc1]))
  await frames.close()
  await expect(frames.read()).rejects.toThrow()
})

test('a peer that answers no such questions is told apart', async () => {
  const other = await testHost('tcp', 'coordinator')
  const asker = await testHost('tcp', 'volunteer')
  const connection = await connect(asker, addressesOf(other))
  await expect(askDialBack(connection, { port: 4001, isWebSocket: false })).rejects.toThrow(
    `Cannot open ${DIAL_BACK_PROTOCOL}`,
  )
})
