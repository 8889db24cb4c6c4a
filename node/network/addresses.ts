/** What a link says of where a coordinator is. */
import type { Host } from './host.ts'
import { isLoopback } from './network-of.ts'
import { relayedAddress } from './relay-places.ts'

/** What leads to it besides its own addresses. */
export interface Doors {
  relays: readonly string[]
  /** Multiaddrs that lead here, as those of a router or of a tunnel. */
  others: readonly string[]
}

/**
 * This machine's own addresses last, as others cannot dial them; TCP before what browsers dial;
 * what is relayed after what is direct.
 */
export function addressesOf(host: Host, { relays, others }: Doors): string[] {
  const place = (address: string) =>
    2 * Number(isLoopback(address)) + Number(address.includes('/ws'))
  const all = host.getMultiaddrs().map(String)
  const peer = host.peerId.toString()
  const direct = all
    .filter((address) => !address.includes('/p2p-circuit'))
    .sort((a, b) => place(a) - place(b))
  return [
    ...direct.filter((address) => !isLoopback(address)),
    ...others.map((other) => `${other}/p2p/${peer}`),
    ...relays.map((relay) => relayedAddress(relay, peer)),
    ...direct.filter(isLoopback),
  ]
}
