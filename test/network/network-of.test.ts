import { expect, test } from 'vitest'
import { blockOf, networkOf } from '../../node/network/network-of.ts'

for (const [address, network, block] of [
  ['192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['::ffff:192.0.2.7', '192.0.2.7', '192.0.2.0/24'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:0db8:1:2::6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:db8::1', '2001:db8:0:0::/64', '2001:db8:0::/48'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64', 'fe80:0:0::/48'],
  ['::1', '0:0:0:0::/64', '0:0:0::/48'],
  ['::', '0:0:0:0::/64', '0:0:0::/48'],
  ['', '', ''],
] as const) {
  test(`${address} is in ${network}, and that in ${block}`, () => {
    expect(networkOf(address)).toBe(network)
    expect(blockOf(address)).toBe(block)
  })
}
