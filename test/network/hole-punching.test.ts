/** Two who meet at a relay come together without it, and nobody is led where it must not be. */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Transport } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../../node/network/dial.ts'
import { openFrames } from '../../node/network/frames.ts'
import {
  addressTold,
  MEET_PROTOCOL,
  servePunches,
  withoutRelay,
} from '../../node/network/hole-punching.ts'
import { fromKnownPorts } from '../../node/network/known-ports.ts'
import { relayedAddress } from '../../node/network/relay-places.ts'
import { localTransports } from '../../node/network/transports.ts'
import { wayOf } from '../../node/network/way.ts'
import { startRelay } from '../../node/roles/relay.ts'
import { encode } from '../../protocol/index.ts'
import { temporaryFolder } from '../roles/swarm.ts'
import { silentLog } from '../silent-log.ts'
import { addressesOf, testHost, until } from './hosts.ts'

const upgrade = withoutRelay

async function relayHere(path = ''): Promise<string> {
  return (await relaysHere([path]))[0]!
}

/** @param paths what its ports take: '' for TCP, or '/ws' */
async function relaysHere(paths: readonly string[]): Promise<string[]> {
  const relay = await startRelay({
    identity: join(await temporaryFolder(), 'relay.key'),
    listen: paths.map((path) => `/ip4/127.0.0.1/tcp/0${path}`),
    announce: [],
    caps: { allowed: null, hostsMax: 1, perHostMax: 2, perAddressMax: 2, relayedMax: 2 },
    log: silentLog,
  })
  onTestFinished(relay.stop)
  return relay.addresses
}

interface Punch {
  from: number
  to: number
  initiator: boolean
}

/**
 * What makes one connection of two that are dialled, as the kernels of two machines do: on
 * loopback nothing is on its way long enough for two dials to meet. Both dial its port instead.
 */
async function meetingPoint() {
  const punches: Punch[] = []
  const waiting: Socket[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    const other = waiting.pop()
    if (other === undefined) waiting.push(socket)
    else socket.pipe(other).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const meeting = (components: Parameters<ReturnType<typeof tcp>>[0]): Transport => {
    const transport = tcp()(components) as Transport
    const dial = transport.dial.bind(transport)
    transport.dial = (address, options) => {
      const given: Partial<Punch> & { localPort?: number } = options as object
      const { initiator, localPort = 0 } = given
      if (initiator === undefined) return dial(address, options)
      const [, to, peer] = address.getComponents().map(({ value }) => value)
      punches.push({ from: localPort, to: Number(to), initiator })
      const there = multiaddr(`/ip4/127.0.0.1/tcp/${port}/p2p/${peer}`)
      return dial(there, { ...options, localPort: 0 } as typeof options)
    }
    return transport
  }
  const [, , relayed] = localTransports()
  return { punches, transports: [fromKnownPorts(meeting), relayed!] }
}

test('who meet at a relay dial each other from where it sees them, and leave it', async () => {
  const relay = await relayHere()
  const { punches, transports } = await meetingPoint()
  const host = await testHost('tcp', 'coordinator', { relays: [relay], listen: [], transports })
  await servePunches(host)
  const volunteer = await testHost('tcp', 'volunteer', { transports })
  const address = relayedAddress(relay, `${host.peerId}`)
  const connection = await connect(volunteer, [address], undefined, { upgrade })
  expect(wayOf(connection)).toBe('hole punching')
  const [one, other, ...more] = punches.toSorted(
    (a, b) => Number(a.initiator) - Number(b.initiator),
  )
  expect(more).toEqual([])
  expect(one).toEqual({ from: other!.to, to: other!.from, initiator: false })
  const seen = () => host.getConnections(volunteer.peerId).map((one) => [wayOf(one), one.direction])
  await until(() => seen().length === 1 && wayOf(connection) === seen()[0]![0], 'one is left')
  expect(seen()).toEqual([['hole punching', 'inbound']])
  expect(volunteer.getConnections(host.peerId).map(wayOf)).toEqual(['hole punching'])
  const asked = Promise.withResolvers<void>()
  await host.handle('/test/asked', () => asked.resolve())
  await connection.newStream('/test/asked')
  await asked.promise
})

test('who does not leave its relay is reached through it', async () => {
  const relay = await relayHere()
  const { punches, transports } = await meetingPoint()
  const host = await testHost('tcp', 'coordinator', { relays: [relay], listen: [], transports })
  const volunteer = await testHost('tcp', 'volunteer', { transports })
  const address = relayedAddress(relay, `${host.peerId}`)
  expect(wayOf(await connect(volunteer, [address], undefined, { upgrade }))).toBe('relayed')
  expect(punches).toEqual([])
})

test('where a relay is dialled by WebSockets, the way leads through it', async () => {
  const relay = await relayHere('/ws')
  const host = await testHost('tcp', 'coordinator', { relays: [relay], listen: [] })
  await servePunches(host)
  const volunteer = await testHost('tcp', 'volunteer')
  const address = relayedAddress(relay, `${host.peerId}`)
  expect(wayOf(await connect(volunteer, [address], undefined, { upgrade }))).toBe('relayed')
})

test('a relay may lead to a host by both of its ports', async () => {
  const relays = await relaysHere(['', '/ws'])
  expect(relays).toHaveLength(2)
  const { transports } = await meetingPoint()
  const host = await testHost('tcp', 'coordinator', {
    relays,
    listen: [],
    transports: [...transports, ...localTransports().slice(1, 2)],
  })
  await servePunches(host)
  const volunteer = await testHost('tcp', 'volunteer', { transports })
  const addresses = relays.map((relay) => relayedAddress(relay, `${host.peerId}`))
  const connection = await connect(volunteer, addresses, undefined, { upgrade })
  expect(wayOf(connection)).toBe('hole punching')
})

test('nobody who comes to a host has it dial', async () => {
  const { punches, transports } = await meetingPoint()
  const host = await testHost('tcp', 'coordinator', { transports })
  await servePunches(host)
  const liar = await testHost('tcp', 'volunteer')
  const connection = await connect(liar, addressesOf(host))
  const lie = async () => {
    const frames = await openFrames(connection, MEET_PROTOCOL)
    await frames.write(encode({ peer: `${liar.peerId}`, address: '127.0.0.1', port: 1 }))
    return frames.read()
  }
  await expect(lie()).rejects.toThrow()
  expect(punches).toEqual([])
})

const FAR = '/ip4/192.0.2.1/tcp/4002/p2p/R'
const NAMED = '/dns4/relay.example.org/tcp/4002/p2p/R'
const HOME = '/ip4/192.168.1.1/tcp/4002/p2p/R'
const HERE = '/ip4/127.0.0.1/tcp/4002/p2p/R'

for (const [address, relay, told] of [
  ['198.51.100.7', FAR, '/ip4/198.51.100.7/tcp/4711/p2p/P'],
  ['2001:db8::7', NAMED, '/ip6/2001:db8::7/tcp/4711/p2p/P'],
  ['192.168.1.7', FAR, null],
  ['192.168.1.7', NAMED, null],
  ['192.168.1.7', HOME, '/ip4/192.168.1.7/tcp/4711/p2p/P'],
  ['127.0.0.1', HOME, null],
  ['::1', FAR, null],
  ['::ffff:127.0.0.1', FAR, null],
  ['127.0.0.1', HERE, '/ip4/127.0.0.1/tcp/4711/p2p/P'],
] as const) {
  test(`a relay at ${relay} ${told === null ? 'does not lead' : 'leads'} to ${address}`, () => {
    const peer = '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'
    const ask = () => `${addressTold({ address, port: 4711 }, peer, relay)}`
    if (told === null) expect(ask).toThrow('nearer than itself')
    else expect(ask()).toBe(told.replace(/P$/, peer))
  })
}

for (const [what, code, isOn, ports] of [
  ['begins at a known port', null, true, ['known']],
  ['begins anywhere where that port was taken meanwhile', 'EADDRINUSE', true, ['known', 'any']],
  ['begins anywhere where no port may be named', 'EACCES', true, ['known', 'any']],
  ['begins anywhere where two cannot share a port', null, false, ['any']],
] as const) {
  test(`a dial ${what}`, async () => {
    const dialled: string[] = []
    const dial = async (_: unknown, options: { localPort?: number }) => {
      const port = options.localPort === undefined ? 'any' : 'known'
      dialled.push(port)
      if (port === 'known' && code !== null) throw Object.assign(new Error(), { code })
      return {}
    }
    const transport = fromKnownPorts(() => ({ dial }) as unknown as Transport, { isOn })({})
    await transport.dial(multiaddr(HERE.split('/p2p')[0]), {} as never)
    expect(dialled).toEqual(ports)
  })
}

test('a dial begins anywhere where nothing may listen', async () => {
  const dialled: unknown[] = []
  const dial = async (_: unknown, options: object) => {
    dialled.push(options)
    return {}
  }
  const findPort = () => Promise.reject(new Error('listen EACCES'))
  const known = fromKnownPorts(() => ({ dial }) as unknown as Transport, { isOn: true, findPort })
  await known({}).dial(multiaddr(HERE.split('/p2p')[0]), {} as never)
  expect(dialled).toEqual([{}])
})
