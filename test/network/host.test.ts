/** Hosts: who may stay connected, and what a stranger can cost. */
import { connect as openSocket, type Socket } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, onTestFinished, test } from 'vitest'
import { disconnect } from '../../node/network/connection-guard.ts'
import { connect } from '../../node/network/dial.ts'
import { createHost } from '../../node/network/host.ts'
import { request, serveRequests } from '../../node/network/rpc.ts'
import { localTransports } from '../../node/network/transports.ts'
import { boundedWebSockets } from '../../node/network/websockets.ts'
import { chaosProxy } from './chaos-proxy.ts'
import { addressesOf, testHost, testPair, until, WIRES } from './hosts.ts'

describe('one connection a peer', () => {
  for (const wire of WIRES) {
    test(`over ${wire}: the newest stays, and the peer was never gone`, async () => {
      const { coordinator, volunteer, connection } = await testPair(wire)
      const gone: string[] = []
      coordinator.addEventListener('peer:disconnect', ({ detail }) => gone.push(detail.toString()))
      await serveRequests(coordinator, async () => ({ type: 'goodbye' }))
      const newer = await volunteer.dial(coordinator.getMultiaddrs(), { force: true })
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

  test('a volunteer that gives up a WebSocket is gone for the coordinator', async () => {
    const { coordinator, connection } = await testPair('websocket')
    await until(() => coordinator.getPeers().length === 1, 'the volunteer')
    connection.abort(new Error('cut by the test'))
    await until(() => coordinator.getPeers().length === 0, 'the volunteer to be gone')
  })

  test('a process that comes back with its key replaces the one that vanished', async () => {
    const privateKey = await generateKeyPair('Ed25519')
    const coordinator = await testHost('tcp', 'coordinator')
    const proxy = await chaosProxy(addressesOf(coordinator))
    const before = await testHost('tcp', 'volunteer', { privateKey })
    await connect(before, proxy.addresses)
    proxy.faults.blackhole = true
    const after = await testHost('tcp', 'volunteer', { privateKey })
    await connect(after, addressesOf(coordinator))
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

  for (const wire of ['tcp/1', 'tcp/1/ws']) {
    test(`a closed port, ${wire}: unreachable, in words`, async () => {
      const volunteer = await testHost('tcp', 'volunteer')
      const address = `/ip4/127.0.0.1/${wire}/p2p/${await nobody()}`
      await expect(connect(volunteer, [address])).rejects.toMatchObject({
        code: 'unreachable',
        message: expect.not.stringContaining('[object'),
      })
    })
  }

  test('another key than the address names: wrong-key', async () => {
    const volunteer = await testHost('tcp', 'volunteer')
    const address = `/ip4/127.0.0.1/tcp/${await port()}/p2p/${await nobody()}`
    await expect(connect(volunteer, [address])).rejects.toMatchObject({ code: 'wrong-key' })
  })

  test('somebody who accepts and says nothing: timeout', async () => {
    const coordinator = await testHost('tcp', 'coordinator')
    const proxy = await chaosProxy(addressesOf(coordinator), { blackhole: true })
    const volunteer = await testHost('tcp', 'volunteer')
    const dial = connect(volunteer, proxy.addresses, undefined, { timeoutMs: 100 })
    await expect(dial).rejects.toMatchObject({ code: 'timeout' })
  })

  test('an address that no transport speaks: unreachable', async () => {
    const volunteer = await testHost('tcp', 'volunteer')
    const address = `/ip4/127.0.0.1/udp/1/quic-v1/p2p/${await nobody()}`
    await expect(connect(volunteer, [address])).rejects.toMatchObject({ code: 'unreachable' })
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
    socket.write(said)
    return socket
  }

  for (const [name, said] of [
    ['says nothing', ''],
    ['says half an HTTP request', 'GET / HTTP/1.1\r\nHost: me\r\n'],
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
