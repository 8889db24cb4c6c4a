/** Which address of a coordinator is dialled first, by where one is. */
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { isOfHome, nearFirst } from '../../node/network/near.ts'

const HOME = '/ip4/192.168.1.7/tcp/4002'
const ROUTER = '/ip4/198.51.100.5/tcp/4001/ws'
const NAME = '/dns4/run.example.org/tcp/443/tls/ws'
const SELF = '/ip4/127.0.0.1/tcp/4002'
const SIX = '/ip6/2001:db8:1::7/tcp/4002'

for (const [where, own, order] of [
  ['in the same home', ['192.168.1.9/24', '127.0.0.1/8'], [HOME, ROUTER, NAME, SIX, SELF]],
  ['in another home', ['10.0.0.3/8', '127.0.0.1/8'], [ROUTER, NAME, SIX, HOME, SELF]],
  ['in its IPv6 network', ['2001:db8:1::9/64'], [SIX, ROUTER, NAME, HOME, SELF]],
  ['nowhere', [], [ROUTER, NAME, SIX, HOME, SELF]],
] as const) {
  test(where, () => {
    const given = [SELF, HOME, ROUTER, NAME, SIX]
    const addresses = given.map((text) => ({ multiaddr: multiaddr(text), isCertified: false }))
    const sorted = addresses.sort(nearFirst(() => [...own]))
    expect(sorted.map((address) => `${address.multiaddr}`)).toEqual(order)
  })
}

for (const [address, expected] of [
  ['192.168.1.7', true],
  ['172.31.0.1', true],
  ['172.32.0.1', false],
  ['100.64.0.1', true],
  ['fd00::1', true],
  ['fe80::1', true],
  ['198.51.100.5', false],
  ['2001:db8::1', false],
] as const) {
  test(`${address} is ${expected ? '' : 'not '}an address that each home may have`, () =>
    expect(isOfHome(address)).toBe(expected))
}
