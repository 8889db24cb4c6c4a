/** Who is passed on by a relay, and who is too many. */
import { expect, test } from 'vitest'
import type { Host } from '../../node/network/host.ts'
import { type RelayCaps, relayGater } from '../../node/network/relay.ts'

const HOP = '/libp2p/circuit/relay/0.2.0/hop'
const STOP = '/libp2p/circuit/relay/0.2.0/stop'
const CAPS: RelayCaps = {
  allowed: null,
  hostsMax: 9,
  perHostMax: 9,
  perAddressMax: 9,
  relayedMax: 9,
}

type Held = [peer: string, address: string, hops: number, stops: number]

/** Connections as libp2p holds them, with so many streams of each kind. */
function hostWith(held: readonly Held[]): Host {
  const connections = held.map(([remotePeer, remoteAddr, hops, stops]) => ({
    remotePeer,
    remoteAddr,
    streams: [
      ...Array.from({ length: hops }, () => ({ protocol: HOP })),
      ...Array.from({ length: stops }, () => ({ protocol: STOP })),
      { protocol: '/ipfs/ping/1.0.0' },
    ],
  }))
  const getConnections = (peer?: unknown) =>
    connections.filter(({ remotePeer }) => peer === undefined || remotePeer === peer)
  return { getConnections } as unknown as Host
}

/** Two hosts with volunteers; `eve` asks for `home`, by a stream of her own. */
const BUSY: Held[] = [
  ['home', '/ip4/192.0.2.1/tcp/1', 0, 2],
  ['other', '/ip4/192.0.2.2/tcp/1', 0, 3],
  ['ada', '/ip4/198.51.100.1/tcp/1', 2, 0],
  ['eve', '/ip4/198.51.100.1/tcp/2', 1, 0],
]

for (const [what, caps, isDenied, held = BUSY] of [
  ['few', {}, false],
  ['two of one host, where two may be', { perHostMax: 2 }, true],
  ['two of one host, where three may be', { perHostMax: 3 }, false],
  ['five in all, where five may be', { relayedMax: 5 }, true],
  ['five in all, where six may be', { relayedMax: 6 }, false],
  ['two of one address, where two may be', { perAddressMax: 2 }, true],
  ['two of one address, where three may be', { perAddressMax: 3 }, false],
  [
    'many behind a proxy on the same machine',
    { perAddressMax: 1 },
    false,
    BUSY.map(([peer, , hops, stops]) => [peer, '/ip4/127.0.0.1/tcp/1', hops, stops]),
  ],
] as [string, Partial<RelayCaps>, boolean, Held[]?][]) {
  test(`${what}: one more is ${isDenied ? 'too many' : 'passed on'}`, async () => {
    const gater = relayGater({ ...CAPS, ...caps }, () => hostWith(held))
    const deny = gater.denyOutboundRelayedConnection as (a: unknown, b: unknown) => unknown
    expect(await deny('eve', 'home')).toBe(isDenied)
  })
}
