/** What a link says of where a coordinator is. */
import type { Host } from './host.ts'
import { isLoopback } from './network-of.ts'
import { relayedAddress } from './relay-places.ts'

/**
 * This machine's own addresses last, as others cannot dial them; TCP before what browsers dial;
 * what is relayed after what is direct.
 */
export function addressesOf(host: Host, relays: readonly string[]): string[] {
  const place = (address: string) =>
    2 * Number(isLoopback(address)) + Number(address.includes('/ws'))
  const all = host.getMultiaddrs().map(String)
  const direct = all
    .filter((address) => !address.includes('/p2p-circuit'))
    .sort((a, b) => place(a) - place(b))
  return [
    ...direct.filter((address) => !isLoopback(address)),
    ...relays.map((relay) => relayedAddress(relay, host.peerId.toString())),
    ...direct.filter(isLoopback),
  ]
}
