/** What a link says of where a coordinator is. */
import os from 'node:os'
import { afterEach, expect, test, vi } from 'vitest'
import { addressesOf } from '../../node/network/addresses.ts'
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

test('a router, a tunnel and a relay come between', async () => {
  interfaces('127.0.0.1', '192.168.1.7')
  const host = await testHost('tcp', 'coordinator', { listen: ['/ip4/0.0.0.0/tcp/0'] })
  const doors = {
    relays: ['/ip4/11.0.0.9/tcp/4002/p2p/12D3KooWrelay'],
    others: ['/ip4/11.0.0.5/tcp/4001/ws', '/dns/run.example.org/tcp/443/tls/ws'],
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
})

test('what is announced is all there is', async () => {
  const announce = ['/dns/run.example.org/tcp/443/tls/ws']
  const host = await testHost('tcp', 'coordinator', { announce })
  expect(addressesOf(host)).toEqual([`${announce[0]}/p2p/${host.peerId}`])
})
