import { expect, test } from 'vitest'
import { createOrigins } from '../../node/roles/origin.ts'

test('who comes from one network has one origin, which tells nothing of it', () => {
  const originOf = createOrigins()
  const first = originOf('/ip4/192.0.2.1/tcp/5001/ws')
  expect(first.origin).toMatch(/^[0-9a-f]{16}$/)
  expect(first.block).toMatch(/^[0-9a-f]{16}$/)
  expect(first.block).not.toBe(first.origin)
  for (const [address, isSame, isNear] of [
    ['/ip4/192.0.2.1/tcp/6001', true, true],
    ['/ip6/::ffff:192.0.2.1/tcp/6001', true, true],
    ['/ip4/192.0.2.2/tcp/5001/ws', false, true],
    ['/ip4/192.0.3.1/tcp/5001/ws', false, false],
    ['/ip6/2001:db8::1/tcp/1', false, false],
  ] as const) {
    const { origin, block } = originOf(address)
    expect([origin === first.origin, block === first.block], address).toEqual([isSame, isNear])
  }
  expect(originOf('/ip6/2001:db8::1/tcp/1')).toEqual(originOf('/ip6/2001:db8::2/tcp/1'))
  expect(createOrigins()('/ip4/192.0.2.1/tcp/5001/ws')).not.toEqual(first)
})

for (const address of [
  '/ip4/127.0.0.1/tcp/1',
  '/ip6/::1/tcp/1/ws',
  '/memory/1',
  '/dns4/a/tcp/1',
  '/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWrelay/p2p-circuit/p2p/12D3KooWada',
]) {
  test(`${address} says nothing of who comes`, () => expect(createOrigins()(address)).toEqual({}))
}
