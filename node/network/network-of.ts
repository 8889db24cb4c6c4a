/**
 * The network that an address belongs to, for shares that count by address: an IPv4 address by
 * itself, and the first 64 bits of an IPv6 one, because each household has all that begin so. And
 * the block that both are part of, which one provider hands out: whoever rents many has them there.
 */
import { isIPv6 } from 'node:net'

/** Whether a multiaddr is of this machine alone, which is also where a reverse proxy on it is. */
export function isLoopback(address: string): boolean {
  return /^\/ip4\/127\.|^\/ip6\/(::1|::ffff:127\.[\d.]+)\//i.test(address)
}

/**
 * Where a peer is, as `ip4/192.0.2.1`; null: behind a relay, behind a proxy of this machine, or on
 * it.
 */
export function placeOfPeer(remoteAddr: string): string | null {
  const isBehind = remoteAddr.includes('/p2p-circuit') || isLoopback(remoteAddr)
  return isBehind ? null : remoteAddr.split('/').slice(1, 3).join('/')
}

export function networkOf(address: string): string {
  return beginningOf(address, { parts: 4, groups: 4 })
}

/** It is the /24 of an IPv4 address, and the /48 of an IPv6 one. */
export function blockOf(address: string): string {
  return beginningOf(address, { parts: 3, groups: 3 })
}

/** @param kept parts of an IPv4 address (of 8 bits), and groups of an IPv6 one (of 16) */
function beginningOf(address: string, kept: { parts: number; groups: number }): string {
  const four = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (four !== null) {
    const parts = four[1]!.split('.').slice(0, kept.parts)
    return parts.length === 4 ? four[1]! : `${parts.join('.')}.0/${8 * parts.length}`
  }
  const [plain = ''] = address.split('%')
  if (!isIPv6(plain)) return address
  const [head = '', tail] = plain.split('::')
  const groups = head === '' ? [] : head.split(':')
  const left = tail === undefined ? [] : tail.split(':').filter((group) => group !== '')
  const zeros = new Array<string>(Math.max(0, 8 - groups.length - left.length)).fill('0')
  const all = [...groups, ...zeros, ...left]
  return `${all
    .slice(0, kept.groups)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/${16 * kept.groups}`
}
