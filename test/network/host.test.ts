/** Hosts: who may stay connected, and what a stranger can cost. */
import { connect as openSocket, type Socket } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  closeDead,
  disconnect,
  disconnectLater,
  keepOnly,
} from '../../node/network/connection-guard.ts'
import { connect } from '../../node/network/dial.ts'
import { UnreachableError } from '../../node/network/errors.ts'
import { createHost, type Host } from '../../node/network/host.ts'
import { request, serveRequests } from '../../node/network/rpc.ts'
import { localTransports } from '../../node/network/transports.ts'
import { boundedWebSockets } from '../../node/network/websockets.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { ADDRESSES_MAX } from '../../protocol/limits.ts'
import { chaosProxy } from './chaos-proxy.ts'
import { addressesOf, testHost, testPair, until, WIRES } from './hosts.ts'

/** The connection that was opened last. */
function lastOf(host: Host): Connection {
  const byTime = host.getConnections().sort((a, b) => a.timeline.open - b.timeline.open)
  return byTime.at(-1)!
}

describe('one connection a peer', () => {
  for (const wire of WIRES) {
    test(`over ${wire}: the one that joined stays, and the peer was never gone`, async () => {
      const { coordinator, volunteer, connection } = await testPair(wire)
      const gone: string[] = []
      coordinator.addEventListener('peer:disconnect', ({ detail }) => gone.push(detail.toString()))
      await serveRequests(coordinator, async () => ({ type: 'goodbye' }))
      const newer = await volunteer.dial(coordinator.getMultiaddrs(), { force: true })
      await until(() => coordinator.getConnections().length === 2, 'both to be there')
      keepOnly(coordinator, lastOf(coordinator))
      await until(() => connection.status !== 'open', 'the older to be closed')
      expect(await request(newer, { type: 'status' })).toEqual({ type: 'goodbye' })
      expect([coordinator.getConnections().length, gone]).toEqual([1, []])
    })
  }

  for (const wire of WIRES) {
    test(`over ${wire}: who dials again gives up what it had`, async () => {
      const { coordinator, volunteer, connection } = await testPair(wire)
      const older = coordinator.getConnections()[0]
      const newer = await connect(volunteer, addressesOf(coordinator))
      expect([connection.status, newer.status]).toEqual(['aborted', 'open'])
      await until(() => older?.status !== 'open', 'the older to be gone there')
    })
  }

  test('all addresses of a link, and all that were named since, are dialled', async () => {
    const { coordinator, volunteer } = await testPair('tcp')
    const peer = coordinator.peerId.toString()
    const closed = Array.from(
      { length: 2 * ADDRESSES_MAX - 1 },
      (_, place) => `/ip4/127.0.0.1/tcp/${place + 1}/p2p/${peer}`,
    )
    const connection = await connect(volunteer, [...closed, addressesOf(coordinator)[0]!])
    expect(connection.status).toBe('open')
  })

  test('a volunteer that gives up a WebSocket is gone for the coordinator', async () => {
    const { coordinator, connection } = await testPair('websocket')
    await until(() => coordinator.getPeers().length === 1, 'the volunteer')
    connection.abort(new Error('cut by the test'))
    await until(() => coordinator.getPeers().length === 0, 'the volunteer to be gone')
  })

  test('one that lives stays, whoever else comes with its key', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    const coordinator = await testHost('tcp', 'coordinator')
    const first = await testHost('tcp', 'volunteer', { privateKey })
    const connection = await connect(first, addressesOf(coordinator))
    for (const _ of ['second', 'third']) {
      const other = await testHost('tcp', 'volunteer', { privateKey })
      await connect(other, addressesOf(coordinator))
      await until(() => coordinator.getConnections().length === 2, 'two to be there')
      await closeDead(coordinator, lastOf(coordinator))
      expect(connection.status).toBe('open')
    }
  })

  test('a process that comes back with its key replaces the one that vanished', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    const coordinator = await testHost('tcp', 'coordinator')
    const proxy = await chaosProxy(addressesOf(coordinator))
    const before = await testHost('tcp', 'volunteer', { privateKey })
    await connect(before, proxy.addresses)
    await until(() => coordinator.getConnections().length === 1, 'the first to be there')
    proxy.faults.blackhole = true
    const after = await testHost('tcp', 'volunteer', { privateKey })
    await connect(after, addressesOf(coordinator))
    await until(() => coordinator.getConnections().length === 2, 'both to be there')
    await closeDead(coordinator, lastOf(coordinator), { timeoutMs: 200 })
    await until(() => coordinator.getConnections().length === 1, 'only the new one to stay')
    expect(coordinator.getPeers().map(String)).toEqual([after.peerId.toString()])
  })
})

describe('a peer that does not join is disconnected, and one that did is not', () => {
  for (const wire of WIRES) {
    test(`over ${wire}`, async () => {
      const members = new Set<string>()
      const isMember = (peer: string) => members.has(peer)
      const coordinator = await testHost(wire, 'coordinator', { isMember, joinTimeoutMs: 50 })
      const [member, stranger] = [
        await testHost(wire, 'volunteer'),
        await testHost(wire, 'volunteer'),
      ]
      members.add(member.peerId.toString())
      const kept = await connect(member, addressesOf(coordinator))
      const closed = await connect(stranger, addressesOf(coordinator))
      await until(() => closed.status !== 'open', 'the stranger to be disconnected')
      expect(kept.status).toBe('open')
    })
  }
})

test('disconnecting a peer closes all it has, and nobody else’s', async () => {
  const { coordinator, connection, peer } = await testPair('memory')
  const other = await connect(await testHost('memory', 'volunteer'), addressesOf(coordinator))
  disconnect(coordinator, peer, new Error('banned'))
  await until(() => connection.status !== 'open', 'the peer to be disconnected')
  expect(other.status).toBe('open')
})

test('who has to go later, and comes back before that, stays by the newer connection', async () => {
  const { coordinator, connection, peer, volunteer } = await testPair('memory')
  const goodbye = { reason: new Error('full'), delayMs: 100 }
  disconnectLater(coordinator, peer, goodbye)
  await connection.close()
  const newer = await connect(volunteer, addressesOf(coordinator))
  // Whoever is told after it has gone when the time of the first is over.
  const other = await testHost('memory', 'volunteer')
  const last = await connect(other, addressesOf(coordinator))
  disconnectLater(coordinator, other.peerId.toString(), goodbye)
  await until(() => last.status !== 'open', 'the other to be disconnected')
  expect(newer.status).toBe('open')
})

test('a peer that left is forgotten', async () => {
  const { coordinator, connection } = await testPair('memory')
  await until(() => coordinator.getPeers().length === 1, 'the peer')
  await connection.close()
  await until(() => coordinator.getPeers().length === 0, 'the peer to leave')
  const known = async () => (await coordinator.peerStore.all()).length
  let left = await known()
  while (left > 0) left = await known()
  expect(left).toBe(0)
})

describe('dialling tells apart', () => {
  const port = async (): Promise<number> => {
    const host = await testHost('tcp', 'coordinator')
    return Number(addressesOf(host)[0]?.split('/')[4])
  }
  const nobody = async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()

  for (const [wires, message] of [
    [['tcp/1'], '127.0.0.1:1 (nothing listens there)'],
    [['tcp/1/ws'], '127.0.0.1:1 (no WebSocket is answered there)'],
    [['tcp/1/ws', 'tcp/2'], '127.0.0.1:1, 127.0.0.1:2 (nothing listens there)'],
    [
      ['tcp/1', 'tcp/2', 'tcp/3', 'tcp/4', 'tcp/5'],
      '127.0.0.1:1, 127.0.0.1:2, 127.0.0.1:3 and 2 more (nothing listens there)',
    ],
    [['udp/1/quic-v1'], '127.0.0.1:1 (this machine cannot dial such addresses)'],
  ] as const) {
    test(`nobody at ${wires.join(', ')}: ${message}`, async () => {
      const volunteer = await testHost('tcp', 'volunteer')
      const id = await nobody()
      const addresses = wires.map((wire) => `/ip4/127.0.0.1/${wire}/p2p/${id}`)
      const dial = connect(volunteer, addresses)
      await expect(dial).rejects.toBeInstanceOf(UnreachableError)
      await expect(dial).rejects.toMatchObject({ message: `Cannot reach the run at ${message}` })
    })
  }

  test('another key than the address names: wrong-key', async () => {
    const volunteer = await testHost('tcp', 'volunteer')
    const address = `/ip4/127.0.0.1/tcp/${await port()}/p2p/${await nobody()}`
    await expect(connect(volunteer, [address])).rejects.toMatchObject({ code: 'wrong-key' })
  })

  test('somebody who accepts and says nothing: no answer in time', async () => {
    const coordinator = await testHost('tcp', 'coordinator')
    const proxy = await chaosProxy(addressesOf(coordinator), { blackhole: true })
    const volunteer = await testHost('tcp', 'volunteer')
    const dial = connect(volunteer, proxy.addresses, undefined, { timeoutMs: 100 })
    await expect(dial).rejects.toThrow(/^Cannot reach the run at \S+ \(no answer in time\)$/)
  })

  test('a caller that gives up: its own reason', async () => {
    const volunteer = await testHost('tcp', 'volunteer')
    const dial = connect(
      volunteer,
      ['/ip4/127.0.0.1/tcp/1'],
      AbortSignal.abort(new Error('given up')),
    )
    await expect(dial).rejects.toThrow('given up')
  })

  test('and takes the first address that works', async () => {
    const coordinator = await testHost('tcp', 'coordinator')
    const volunteer = await testHost('tcp', 'volunteer')
    const dead = `/ip4/127.0.0.1/tcp/1/p2p/${coordinator.peerId}`
    const connection = await connect(volunteer, [dead, ...addressesOf(coordinator)])
    expect(connection.remotePeer.toString()).toBe(coordinator.peerId.toString())
  })
})

describe('a WebSocket listener', () => {
  const silentSocket = async (address: string, said: string): Promise<Socket> => {
    const socket = openSocket(Number(address.split('/')[4]), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.on('error', () => {})
    socket.write(said, 'latin1')
    // It closes when what came for it is read.
    socket.resume()
    return socket
  }

  const UPGRADE =
    'GET / HTTP/1.1\r\nHost: me\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'

  for (const [name, said] of [
    ['says nothing', ''],
    ['says half an HTTP request', 'GET / HTTP/1.1\r\nHost: me\r\n'],
    ['breaks the rules of WebSockets', `${UPGRADE}\xff\xff\xff\xff`],
    ['announces a frame of 4 GiB', `${UPGRADE}\x82\xff\0\0\0\x01${'\0'.repeat(8)}`],
  ] as const) {
    test(`closes a socket that ${name}, and keeps those that speak`, async () => {
      const transports = [boundedWebSockets({ timeoutMs: 100 })]
      const coordinator = await testHost('websocket', 'coordinator', { transports })
      await serveRequests(coordinator, async () => ({ type: 'goodbye' }))
      const volunteer = await testHost('websocket', 'volunteer')
      const connection = await connect(volunteer, addressesOf(coordinator))
      const socket = await silentSocket(addressesOf(coordinator)[0] ?? '', said)
      await new Promise((resolve) => socket.once('close', resolve))
      expect(await request(connection, { type: 'status' })).toEqual({ type: 'goodbye' })
    })
  }
})

test('a host announces the addresses it is told to', async () => {
  const announced = '/dns4/run.example.org/tcp/443/tls/ws'
  const host = await createHost({
    privateKey: await generateKeyPair('Ed25519'),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    announce: [announced],
    role: 'coordinator',
    transports: localTransports(),
  })
  onTestFinished(() => host.stop())
  expect(addressesOf(host)).toEqual([`${announced}/p2p/${host.peerId}`])
})

test("a port that is taken is the operator's to change", async () => {
  const taken = await testHost('tcp', 'coordinator')
  const [port] = /(?<=\/tcp\/)\d+/.exec(String(taken.getMultiaddrs()[0]))!
  const host = createHost({
    privateKey: await generateKeyPair('Ed25519'),
    listen: [`/ip4/127.0.0.1/tcp/${port}`],
    role: 'coordinator',
    transports: localTransports(),
  })
  await expect(host).rejects.toThrow(ConfigError)
  await expect(host).rejects.toThrow(`/tcp/${port}: another program has this port`)
})
