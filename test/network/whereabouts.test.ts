/** Where a volunteer dials its coordinator: by its link, and by what it has heard from it. */
import { expect, test } from 'vitest'
import { createWhereabouts } from '../../node/network/whereabouts.ts'

const HOST = '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'
const OTHER = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
const invited = `/dns/old.example.org/tcp/443/tls/ws/p2p/${HOST}`

const whereabouts = () => createWhereabouts({ addresses: [invited], coordinator: HOST })

test('the newest that it heard comes before the link, each address once', () => {
  const known = whereabouts()
  expect(known.addresses()).toEqual([invited])
  const [first, second] = [1, 2].map((n) => `/ip4/192.0.2.${n}/tcp/4002/p2p/${HOST}`)
  known.hear([first!, invited])
  expect(known.addresses()).toEqual([first, invited])
  known.hear([second!])
  expect(known.addresses()).toEqual([second, invited])
  known.hear([])
  expect(known.addresses()).toEqual([invited])
})

for (const address of [
  `/ip6/2001:db8::1/tcp/4002/p2p/${HOST}`,
  `/dns4/relay.example.org/tcp/443/tls/ws/p2p/${OTHER}/p2p-circuit/p2p/${HOST}`,
]) {
  test(`it dials ${address}`, () => {
    const known = whereabouts()
    known.hear([address])
    expect(known.addresses()).toEqual([address, invited])
  })
}

for (const [what, address] of [
  ['leads to nobody', '/ip4/192.0.2.1/tcp/4002'],
  ['leads to somebody else', `/ip4/192.0.2.1/tcp/4002/p2p/${OTHER}`],
  ['leads past it', `/ip4/192.0.2.1/tcp/4002/p2p/${HOST}/p2p-circuit/p2p/${OTHER}`],
  ['is no address', `/ip4/192.0.2/tcp/4002/p2p/${HOST}`],
  ['is a socket of this machine', `/unix/%2Frun%2Fdocker.sock/p2p/${HOST}`],
  ['stands for a list of addresses', `/dnsaddr/example.org/p2p/${HOST}`],
  ['moves the cursor', `/dns/\u001b[2J/tcp/4002/p2p/${HOST}`],
  ['is empty', ''],
] as const) {
  test(`it dials none that ${what}`, () => {
    const known = whereabouts()
    known.hear([address])
    expect(known.addresses()).toEqual([invited])
  })
}
