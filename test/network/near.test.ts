/** Which address of a coordinator is dialled first, by where one is. */
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { isNoNearer, isOfHome, nearFirst, placeOf } from '../../node/network/near.ts'

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

for (const [address, place] of [
  ['127.0.0.1', 'here'],
  ['::ffff:127.0.0.1', 'here'],
  ['::127.0.0.1', 'here'],
  ['192.168.1.1', 'home'],
  ['::ffff:192.168.1.1', 'home'],
  ['64:ff9b::c0a8:101', 'home'],
  ['2002:c0a8:101::1', 'home'],
  ['fec0::1', 'home'],
  ['198.18.0.1', 'home'],
  ['198.51.100.5', 'world'],
  ['2001:db8::1', 'world'],
] as const) {
  test(`${address} leads to: ${place}`, () => expect(placeOf(address)).toBe(place))
}

for (const [address, other, expected] of [
  [SELF, SELF, true],
  [SELF, HOME, false],
  [HOME, SELF, true],
  [HOME, ROUTER, false],
  [HOME, NAME, false],
  [ROUTER, HOME, true],
  [NAME, ROUTER, true],
  [`${HOME}/p2p/R/p2p-circuit`, ROUTER, false],
  [HOME, `${HOME}/p2p/R/p2p-circuit`, true],
] as const) {
  test(`${address} is no nearer than ${other}: ${expected}`, () =>
    expect(isNoNearer(address, other)).toBe(expected))
}
