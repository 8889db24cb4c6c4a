/** A host keeps its place at a relay, though the relay never joins its run. */

import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Listener, PeerId } from '@libp2p/interface'
import { expect, onTestFinished, test } from 'vitest'
import { addressesOf } from '../../node/network/addresses.ts'
import { connect } from '../../node/network/dial.ts'
import { createHost, type HostOptions } from '../../node/network/host.ts'
import { type RelayCaps, relayServer } from '../../node/network/relay.ts'
import { relayedAddress, relayPlaces } from '../../node/network/relay-places.ts'
import { localTransports } from '../../node/network/transports.ts'
import { startRelay } from '../../node/roles/relay.ts'
import { temporaryFolder } from '../roles/swarm.ts'
import { silentLog } from '../silent-log.ts'

const ONE_OF_EACH: RelayCaps = {
  allowed: null,
  hostsMax: 1,
  perHostMax: 1,
  perAddressMax: 1,
  relayedMax: 1,
}
const STRANGER = '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'

async function hostOf(options: Pick<HostOptions, 'role'> & Partial<HostOptions>) {
  const privateKey = await generateKeyPair('Ed25519')
  const host = await createHost({
    privateKey,
    listen: [],
    transports: localTransports(),
    ...options,
  })
  onTestFinished(() => host.stop())
  return host
}

async function relayAddressHere(): Promise<string> {
  const relay = await startRelay({
    identity: join(await temporaryFolder(), 'relay.key'),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    announce: [],
    caps: ONE_OF_EACH,
    log: silentLog,
  })
  onTestFinished(relay.stop)
  return relay.addresses[0]!
}

test('whoever does not join is closed, but not the relay', async () => {
  const address = await relayAddressHere()
  const host = await hostOf({
    role: 'coordinator',
    relays: [address],
    isMember: () => false,
    joinTimeoutMs: 50,
  })
  const volunteer = await hostOf({ role: 'volunteer' })
  const closed = Promise.withResolvers<void>()
  const connection = await connect(volunteer, [relayedAddress(address, `${host.peerId}`)])
  connection.addEventListener('close', () => closed.resolve())
  // It came after the relay, so that the relay's time would be over as well.
  await closed.promise
  const [kept, ...others] = host.getConnections()
  expect(others).toEqual([])
  expect(address).toContain(`${kept?.remotePeer}`)
})

test('where nobody answers directly, the relay is asked soon', async () => {
  // As an address of another home: what is sent there is never answered.
  const silent = createServer()
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void silent.close())
  const { port } = silent.address() as AddressInfo
  const address = await relayAddressHere()
  const host = await hostOf({ role: 'coordinator', relays: [address] })
  const volunteer = await hostOf({ role: 'volunteer' })
  const direct = `/ip4/127.0.0.1/tcp/${port}/p2p/${host.peerId}`
  const { remoteAddr } = await connect(volunteer, [
    direct,
    relayedAddress(address, `${host.peerId}`),
  ])
  expect(`${remoteAddr}`).toContain('/p2p-circuit')
  const nobody = `/ip4/127.0.0.1/tcp/1/p2p/${host.peerId}`
  const gone = relayedAddress(`/ip4/127.0.0.1/tcp/1/p2p/${STRANGER}`, `${host.peerId}`)
  await expect(connect(volunteer, [nobody, gone])).rejects.toThrow('nothing listens there')
})

test('a relay that is gone for good is asked by one listener, however often', async () => {
  const asked: string[] = []
  const ask = async (by: string) => {
    asked.push(by)
    throw new Error('nobody is there')
  }
  const listeners: Listener[] = []
  const transportManager = {
    getAddrs: () => [],
    getListeners: () => [...listeners],
    listen: () => {
      listeners.push({ listen: () => ask('the same') } as unknown as Listener)
      return ask('a new one')
    },
  }
  const address = `/ip4/127.0.0.1/tcp/1/p2p/${STRANGER}`
  const places = relayPlaces([address], () => {})({ transportManager })
  for (let times = 1; times <= 3; times++) {
    await expect(places.take()).rejects.toThrow('nobody is there')
  }
  expect(asked).toEqual(['a new one', 'the same', 'the same'])
})

test('a relay that leads to somebody else is found out', async () => {
  let leadsTo: PeerId | null = null
  const server = relayServer({ ...ONE_OF_EACH, hostsMax: 2 })
  type Components = Parameters<typeof server>[0]
  const lying = (components: Components): Components => {
    const { connectionManager } = components
    const getConnections = () => connectionManager.getConnections(leadsTo ?? undefined)
    const manager = new Proxy(connectionManager, {
      get: (real, name) => (name === 'getConnections' ? getConnections : Reflect.get(real, name)),
    })
    return new Proxy(components, {
      get: (real, name) => (name === 'connectionManager' ? manager : Reflect.get(real, name)),
    })
  }
  const relay = await hostOf({
    role: 'relay',
    listen: ['/ip4/127.0.0.1/tcp/0'],
    services: { relay: (components: Components) => server(lying(components)) },
  })
  const [address = ''] = addressesOf(relay)
  const coordinator = await hostOf({ role: 'coordinator', relays: [address] })
  const liar = await hostOf({ role: 'coordinator', relays: [address] })
  const volunteer = await hostOf({ role: 'volunteer' })
  const link = [relayedAddress(address, `${coordinator.peerId}`)]
  leadsTo = coordinator.peerId
  expect(`${(await connect(volunteer, link)).remotePeer}`).toBe(`${coordinator.peerId}`)
  leadsTo = liar.peerId
  await expect(connect(volunteer, link)).rejects.toMatchObject({
    code: 'wrong-key',
    message: expect.stringContaining('is not the coordinator that the link names'),
  })
})
