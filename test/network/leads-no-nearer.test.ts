/** Which names a coordinator may give itself: those that stand for nothing nearer than it was. */
import { expect, test } from 'vitest'
import { leadsNoNearer } from '../../node/network/leads-no-nearer.ts'

const WORLD = '/ip4/192.0.2.1/tcp/4002'
const HOME = '/ip4/192.168.1.7/tcp/4002'

for (const [found, from, expected] of [
  [['192.0.2.2'], WORLD, true],
  [['192.0.2.2', '2001:db8::2'], WORLD, true],
  [['192.168.1.1'], WORLD, false],
  [['192.0.2.2', '192.168.1.1'], WORLD, false],
  [['127.0.0.1'], HOME, false],
  [['::1'], HOME, false],
  [['192.168.1.1'], HOME, true],
  [['192.168.1.1'], '/dns4/run.example.org/tcp/443', false],
  [[], WORLD, false],
] as const) {
  test(`a name for ${found.join(', ') || 'nothing'}, heard from ${from}: ${expected}`, async () => {
    const asked: string[] = []
    const lookUp = async (name: string) => {
      asked.push(name)
      return found.map((address) => ({ address }))
    }
    for (const rest of ['443/tls/ws', '443/tls/ws/p2p/R/p2p-circuit/p2p/H']) {
      const address = `/dns4/other.example.org/tcp/${rest}`
      expect(await leadsNoNearer(address, from, lookUp)).toBe(expected)
    }
    expect(asked).toEqual(['other.example.org', 'other.example.org'])
  })
}

for (const [sni, expected] of [
  ['192.0.2.2', true],
  ['127.0.0.1', false],
  ['192.168.1.1', false],
] as const) {
  const says = expected ? 'lead' : 'do not lead'
  test(`WebSockets that dial a name for ${sni} ${says} there`, async () => {
    const lookUp = async (name: string) => [
      { address: name === 'inside.example.org' ? sni : '192.0.2.2' },
    ]
    for (const first of ['ip4/192.0.2.3', 'dns4/other.example.org']) {
      const address = `/${first}/tcp/8443/tls/sni/inside.example.org/ws`
      expect(await leadsNoNearer(address, WORLD, lookUp)).toBe(expected)
    }
  })
}

test('a name that nobody knows leads nowhere, and a number is not looked up', async () => {
  const lookUp = async () => {
    throw new Error('no such name')
  }
  expect(await leadsNoNearer('/dns/no.example.org/tcp/1', WORLD, lookUp)).toBe(false)
  expect(await leadsNoNearer('/ip4/192.0.2.2/tcp/1', WORLD, lookUp)).toBe(true)
  expect(await leadsNoNearer('/ip4/10.0.0.1/tcp/1', WORLD, lookUp)).toBe(false)
})
