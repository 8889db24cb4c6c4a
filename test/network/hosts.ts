/** Hosts for tests: on loopback or in memory, on free ports, stopped when the test ends. */

import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, Stream } from '@libp2p/interface'
import { memory } from '@libp2p/memory'
import { onTestFinished } from 'vitest'
import { addressesOf as linkAddressesOf } from '../../node/network/addresses.ts'
import { connect } from '../../node/network/dial.ts'
import { createHost, type Host, type HostOptions } from '../../node/network/host.ts'
import { localTransports } from '../../node/network/transports.ts'

export type Wire = 'memory' | 'tcp' | 'websocket'
export const WIRES: Wire[] = ['memory', 'tcp', 'websocket']

let names = 0

const listenOn = (wire: Wire): string[] => {
  if (wire === 'memory') return [`/memory/test-${process.pid}-${names++}`]
  return [wire === 'tcp' ? '/ip4/127.0.0.1/tcp/0' : '/ip4/127.0.0.1/tcp/0/ws']
}

export async function testHost(
  wire: Wire,
  role: HostOptions['role'],
  options: Partial<HostOptions> = {},
): Promise<Host> {
  const host = await createHost({
    privateKey: await generateKeyPair('Ed25519'),
    listen: role === 'coordinator' ? listenOn(wire) : [],
    role,
    transports: wire === 'memory' ? [memory()] : localTransports(),
    ...options,
  })
  onTestFinished(() => host.stop())
  return host
}

export const addressesOf = (host: Host): string[] => linkAddressesOf(host)

export interface Pair {
  coordinator: Host
  volunteer: Host
  /** The volunteer's. */
  connection: Connection
  /** The volunteer's id. */
  peer: string
}

export async function testPair(wire: Wire, options: Partial<HostOptions> = {}): Promise<Pair> {
  const coordinator = await testHost(wire, 'coordinator', options)
  const volunteer = await testHost(wire, 'volunteer')
  const connection = await connect(volunteer, addressesOf(coordinator))
  return { coordinator, volunteer, connection, peer: volunteer.peerId.toString() }
}

const PROTOCOL = '/test/stream'

/** The two ends of one stream: the opener's and the handler's. */
export async function testStreams({ coordinator, connection }: Pair): Promise<[Stream, Stream]> {
  const handled = Promise.withResolvers<Stream>()
  await coordinator.handle(PROTOCOL, (stream) => handled.resolve(stream), { force: true })
  const opened = await connection.newStream(PROTOCOL, { signal: AbortSignal.timeout(30_000) })
  return [opened, await handled.promise]
}

/** Resolves when `condition` holds; it is asked again at every turn of the event loop. */
export async function until(
  condition: () => boolean,
  what: string,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
