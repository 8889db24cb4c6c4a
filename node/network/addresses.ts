/** What a link, or a coordinator itself, says of where it is. */
import { ADDRESSES_MAX } from '../../protocol/index.ts'
import type { Host } from './host.ts'
import { placeOfMultiaddr } from './near.ts'
import { isLoopback } from './network-of.ts'
import { relayedAddress } from './relay-places.ts'

/** What leads to it besides its own addresses. */
export interface Doors {
  relays: readonly string[]
  /** Multiaddrs that lead here, as those of a router or of a tunnel. */
  others: readonly string[]
  /** Its own addresses in the world let nobody in from outside, as was found. */
  isShut: boolean
  /** Whether it is for other machines alone, to which this one's loopback means themselves. */
  isAway: boolean
}

const NONE: Doors = { relays: [], others: [], isShut: false, isAway: false }

/**
 * This machine's own addresses last, as others cannot dial them; TCP before what browsers dial;
 * what is relayed after what is direct, but before what is shut (see `shutOf`). A machine may have
 * more than a link takes, as one with many virtual networks: then the last of its own are left out.
 */
export function addressesOf(
  host: Host,
  { relays, others, isShut, isAway }: Doors = NONE,
): string[] {
  const place = (address: string) =>
    2 * Number(isLoopback(address)) + Number(address.includes('/ws'))
  const peer = host.peerId.toString()
  const named = (address: string) => `${address}/p2p/${peer}`
  const listened = host.services.listening
    .addresses()
    .filter((address) => !address.includes('/p2p-circuit'))
  const direct = withoutOwnIpv6(listened).sort((a, b) => place(a) - place(b))
  const here = isAway ? [] : direct.filter(isLoopback).map(named)
  const outside = others.map(named).concat(relays.map((relay) => relayedAddress(relay, peer)))
  const room = Math.max(0, ADDRESSES_MAX - outside.length - here.length)
  const own = direct.filter((address) => !isLoopback(address)).map(named)
  const isClosed = (address: string) => isShut && placeOfMultiaddr(address) === 'world'
  const open = own.filter((address) => !isClosed(address)).slice(0, room)
  const shut = own.filter(isClosed).slice(0, room - open.length)
  return open.concat(outside, shut, here).slice(0, ADDRESSES_MAX)
}

/** Those of a link's addresses that were found to let nobody in: what is direct after a relay. */
export function shutOf(addresses: readonly string[]): string[] {
  const relayed = addresses.findLastIndex((address) => address.includes('/p2p-circuit'))
  const after = relayed < 0 ? [] : addresses.slice(relayed + 1)
  return after.filter((address) => !isLoopback(address))
}

/** This machine's loopback is one address too many, unless it listens there alone. */
function withoutOwnIpv6(addresses: string[]): string[] {
  const others = addresses.filter((address) => !address.startsWith('/ip6/::1/'))
  return others.length > 0 ? others : addresses
}
