/** What a link says of where a coordinator is. */
import os from 'node:os'
import { afterEach, expect, test, vi } from 'vitest'
import { addressesOf, shutOf } from '../../node/network/addresses.ts'
import type { Host } from '../../node/network/host.ts'
import { formatLink, parseLink } from '../../node/network/link.ts'
import { ADDRESSES_MAX } from '../../protocol/limits.ts'
import { testHost } from './hosts.ts'

afterEach(() => vi.restoreAllMocks())

/** A machine with these addresses; sockets are this one's. */
function interfaces(...addresses: string[]): void {
  const netmask = '255.255.255.0'
  const [mac, family] = ['00:00:00:00:00:00', 'IPv4'] as const
  vi.spyOn(os, 'networkInterfaces').mockReturnValue({
    eth0: addresses.map((address) => {
      const internal = address.startsWith('127.')
      return { address, netmask, family, mac, internal, cidr: `${address}/24` }
    }),
  })
}

const shown = (addresses: readonly string[]): string[] =>
  addresses.map((address) => address.replace(/\/tcp\/\d+/, '').replace(/\/p2p\/12D3\w+$/, ''))

test('a machine with an address in the world has it in the link, its own last', async () => {
  interfaces('127.0.0.1', '11.0.0.5', '192.168.1.7')
  const listen = ['/ip4/0.0.0.0/tcp/0/ws', '/ip4/0.0.0.0/tcp/0']
  const host = await testHost('tcp', 'coordinator', { listen })
  expect(shown(addressesOf(host))).toEqual([
    '/ip4/11.0.0.5',
    '/ip4/192.168.1.7',
    '/ip4/11.0.0.5/ws',
    '/ip4/192.168.1.7/ws',
    '/ip4/127.0.0.1',
    '/ip4/127.0.0.1/ws',
  ])
})

test('by IPv6, too, but for its own machine', () => {
  const addresses = () => ['/ip4/11.0.0.5/tcp/4002', '/ip6/2a00::5/tcp/4002', '/ip6/::1/tcp/4002']
  const host = { peerId: '12D3KooWhost', services: { listening: { addresses } } }
  expect(shown(addressesOf(host as unknown as Host))).toEqual(['/ip4/11.0.0.5', '/ip6/2a00::5'])
})

test('what listens to its own machine by IPv6 alone has that in its link', () => {
  const addresses = () => ['/ip6/::1/tcp/4001/ws', '/ip6/::1/tcp/4002']
  const host = { peerId: '12D3KooWhost', services: { listening: { addresses } } }
  expect(shown(addressesOf(host as unknown as Host))).toEqual(['/ip6/::1', '/ip6/::1/ws'])
})

test('a router, a tunnel and a relay come between', async () => {
  interfaces('127.0.0.1', '192.168.1.7')
  const host = await testHost('tcp', 'coordinator', { listen: ['/ip4/0.0.0.0/tcp/0'] })
  const doors = {
    relays: ['/ip4/11.0.0.9/tcp/4002/p2p/12D3KooWrelay'],
    others: ['/ip4/11.0.0.5/tcp/4001/ws', '/dns/run.example.org/tcp/443/tls/ws'],
    isShut: false,
    isAway: false,
  }
  const peer = host.peerId.toString()
  const [home, ...others] = addressesOf(host, doors)
  expect(home).toMatch(/^\/ip4\/192\.168\.1\.7\//)
  expect(others.slice(0, -1)).toEqual([
    `${doors.others[0]}/p2p/${peer}`,
    `${doors.others[1]}/p2p/${peer}`,
    `${doors.relays[0]}/p2p-circuit/p2p/${peer}`,
  ])
  expect(others.at(-1)).toMatch(/^\/ip4\/127\.0\.0\.1\//)
  expect(addressesOf(host, { ...doors, isAway: true })).toEqual([home, ...others.slice(0, -1)])
})

test('what is announced is all there is', async () => {
  const announce = ['/dns/run.example.org/tcp/443/tls/ws']
  const host = await testHost('tcp', 'coordinator', { announce })
  expect(addressesOf(host)).toEqual([`${announce[0]}/p2p/${host.peerId}`])
})

test('a machine of many networks has no more in its link than a link may have', async () => {
  interfaces('127.0.0.1', ...Array.from({ length: 20 }, (_, i) => `172.17.${i}.1`))
  const listen = ['/ip4/0.0.0.0/tcp/0/ws', '/ip4/0.0.0.0/tcp/0']
  const host = await testHost('tcp', 'coordinator', { listen })
  const relays = ['/ip4/11.0.0.9/tcp/4002/p2p/12D3KooWrelay']
  const addresses = addressesOf(host, { relays, others: [], isShut: false, isAway: false })
  expect(addresses).toHaveLength(ADDRESSES_MAX)
  expect(addresses.filter((address) => address.includes('/p2p-circuit/'))).toHaveLength(1)
  expect(parseLink(formatLink({ addresses, run: null, token: '' })).addresses).toEqual(addresses)
})

test('what was found shut comes after the relays, and is told by that', async () => {
  interfaces('127.0.0.1', '11.0.0.5', '192.168.1.7')
  const listen = ['/ip4/0.0.0.0/tcp/0/ws', '/ip4/0.0.0.0/tcp/0']
  const host = await testHost('tcp', 'coordinator', { listen })
  const relays = ['/ip4/11.0.0.9/tcp/4002/p2p/12D3KooWrelay']
  const found = addressesOf(host, { relays, others: [], isShut: true, isAway: false })
  const own = ['/ip4/11.0.0.5', '/ip4/11.0.0.5/ws']
  expect(shown(found).filter((address) => !address.includes('/p2p-circuit'))).toEqual([
    '/ip4/192.168.1.7',
    '/ip4/192.168.1.7/ws',
    ...own,
    '/ip4/127.0.0.1',
    '/ip4/127.0.0.1/ws',
  ])
  expect(found[2]).toContain('/p2p-circuit/')
  expect(shown(shutOf(found))).toEqual(own)
  expect(shutOf(addressesOf(host, { relays, others: [], isShut: false, isAway: false }))).toEqual(
    [],
  )
  expect(shutOf(addressesOf(host))).toEqual([])
})
