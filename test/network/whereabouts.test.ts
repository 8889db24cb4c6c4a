/** Where a volunteer dials its coordinator: by its link, and by what it has heard from it. */
import { expect, test } from 'vitest'
import { createWhereabouts } from '../../node/network/whereabouts.ts'

const HOST = '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'
const OTHER = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
const invited = `/dns/old.example.org/tcp/443/tls/ws/p2p/${HOST}`

const told = (...addresses: string[]) => ({ addresses, from: '/ip4/192.0.2.9/tcp/4002' })
const whereabouts = () => createWhereabouts({ addresses: [invited], coordinator: HOST })

test('the newest that it heard comes before the link, each address once', () => {
  const known = whereabouts()
  expect(known.addresses()).toEqual([invited])
  const [first, second] = [1, 2].map((n) => `/ip4/192.0.2.${n}/tcp/4002/p2p/${HOST}`)
  known.hear(told(first!, invited))
  expect(known.addresses()).toEqual([first, invited])
  known.hear(told(second!))
  expect(known.addresses()).toEqual([second, invited])
  known.hear(told())
  expect(known.addresses()).toEqual([invited])
})

for (const address of [
  `/ip6/2001:db8::1/tcp/4002/p2p/${HOST}`,
  `/dns4/relay.example.org/tcp/443/tls/ws/p2p/${OTHER}/p2p-circuit/p2p/${HOST}`,
]) {
  test(`it dials ${address}`, () => {
    const known = whereabouts()
    known.hear(told(address))
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
    known.hear(told(address))
    expect(known.addresses()).toEqual([invited])
  })
}

test('what was heard the last time comes after the link, until it hears anew', async () => {
  const [old, now] = [1, 2].map((n) => `/ip4/192.0.2.${n}/tcp/4002/p2p/${HOST}`) as [string, string]
  const stranger = `/ip4/192.0.2.1/tcp/4002/p2p/${OTHER}`
  const invite = { addresses: [invited], coordinator: HOST }
  const known = createWhereabouts(invite, { kept: told(old, stranger) })
  expect(await known.toDial()).toEqual([invited, old])
  known.hear(told(now))
  expect(await known.toDial()).toEqual([now, invited])
})

test('what may not lead there is not dialled, but for the link', async () => {
  const asked: string[][] = []
  const mayLead = async (...question: [string, string]) => {
    asked.push(question)
    return false
  }
  const known = createWhereabouts({ addresses: [invited], coordinator: HOST }, { mayLead })
  const other = `/ip4/192.0.2.1/tcp/4002/p2p/${HOST}`
  known.hear(told(other, invited))
  expect(await known.toDial()).toEqual([invited])
  expect(asked).toContainEqual([other, '/ip4/192.0.2.9/tcp/4002'])
})
