/**
 * Which address of a coordinator is dialled first. One behind a router names its address at home,
 * and perhaps that of the router: whoever is in the same home takes the first, as many routers let
 * nobody come back in by the second, and all others the second, as the first leads nowhere.
 */
import { BlockList, isIP, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { AddressSorter } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { isLoopback } from './network-of.ts'

/**
 * Networks that each home may have (RFC 1918, 2544, 3879, 3927, 4193, 4291, 6598), and those whose
 * numbers stand for others, which may be such (RFC 3056, 6052, 8215).
 */
const HOMES = blockListOf([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  '198.18.0.0/15',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '2002::/16',
])

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    list.addSubnet(address, Number(bits), familyOf(address))
  }
  return list
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}

/** Whether an IP address means another machine in each home. */
export const isOfHome = (address: string): boolean =>
  isIP(address) !== 0 && HOMES.check(address, familyOf(address))

/** What means this machine itself. */
const HERE = blockListOf(['127.0.0.0/8', '0.0.0.0/8', '::/96'])

/** Where an address leads, the nearest first: this machine, a network at home, or the world. */
export const PLACES = ['here', 'home', 'world'] as const
export type Place = (typeof PLACES)[number]

/** Where an IP address leads. */
export function placeOf(address: string): Place {
  const [plain = ''] = address.split('%')
  if (isIP(plain) !== 0 && HERE.check(plain, familyOf(plain))) return 'here'
  return isOfHome(plain) ? 'home' : 'world'
}

/** Where a multiaddr leads, as far as it says: what is behind a relay or a name is in the world. */
export function placeOfMultiaddr(address: string): Place {
  const [, , ip = ''] = address.split('/')
  return address.includes('/p2p-circuit') ? 'world' : placeOf(ip)
}

/** Whether the first number on the way to an address is no nearer than that to another is. */
export function isNoNearer(address: string, other: string): boolean {
  const [one, than] = [address, other].map((each) => placeOf(each.split('/')[2] ?? ''))
  return PLACES.indexOf(one!) >= PLACES.indexOf(than!)
}

/** The networks that this machine is in, as `192.168.1.7/24`. */
export function ownNetworks(): string[] {
  const all = Object.values(networkInterfaces()).flat()
  return all.map((one) => one?.cidr ?? null).filter((cidr) => cidr !== null)
}

/** This machine's own address in the network that another is in; null: it is in none of them. */
export function sharesNetwork(address: string, own = ownNetworks()): string | null {
  const network = own.find((one) => blockListOf([one]).check(address, familyOf(address)))
  return network?.split('/')[0] ?? null
}

/**
 * Compares addresses: those in a network of this machine come first, then those of the whole world
 * and names, then those of other homes, then those of the coordinator's own machine.
 * @param own networks of this machine, as `192.168.1.7/24`; asked each time, as laptops move
 */
export function nearFirst(own = ownNetworks): AddressSorter {
  return (a, b) => {
    const near = blockListOf(own())
    return Math.sign(distanceOf(a.multiaddr, near) - distanceOf(b.multiaddr, near)) as -1 | 0 | 1
  }
}

function distanceOf(address: Multiaddr, near: BlockList): number {
  const text = address.toString()
  const [, , ip = ''] = text.split('/')
  if (isLoopback(text)) return 3
  if (isIP(ip) === 0) return 1
  if (near.check(ip, familyOf(ip))) return 0
  return isOfHome(ip) ? 2 : 1
}
