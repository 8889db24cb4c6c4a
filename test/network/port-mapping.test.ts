/** Which router's port is taken, and which is not. test/nat asks real ones. */
import { expect, test, vi } from 'vitest'
import { mapPort, type PortMapping, type Way } from '../../node/network/port-mapping.ts'

const HOME = ['127.0.0.1/8', '192.168.1.7/24', 'fd00::7/64', '::1/128']

function mapping(by: PortMapping['by'], address = '198.51.100.5') {
  return { by, address, port: 4001, remove: vi.fn(async () => {}) }
}

const says =
  (answer: PortMapping | string): Way =>
  async () =>
    answer

test('the first that maps one', async () => {
  const second = vi.fn(says(mapping('UPnP')))
  const first = mapping('NAT-PMP')
  const result = await mapPort(4001, { onLost: () => {}, ways: [says(first), second], own: HOME })
  expect(result).toEqual({ status: 'mapped', mapping: first })
  expect(second).not.toHaveBeenCalled()
})

test('where none does, the reasons of all', async () => {
  const ways = [says('it is deaf'), says('it is dumb')]
  expect(await mapPort(4001, { onLost: () => {}, ways, own: HOME })).toEqual({
    status: 'unmapped',
    reason: 'it is deaf; it is dumb',
  })
})

for (const address of ['192.168.0.2', '100.64.0.9', '10.0.0.1']) {
  test(`a router at ${address} is behind another, and gets its port back`, async () => {
    const inner = mapping('UPnP', address)
    const result = await mapPort(4001, { onLost: () => {}, ways: [says(inner)], own: HOME })
    expect(result).toEqual({
      status: 'unmapped',
      reason: `the router is itself behind another one, at ${address}`,
    })
    expect(inner.remove).toHaveBeenCalledOnce()
  })
}

for (const [address, port] of [
  ['', 4001],
  ['0.0.0.0', 4001],
  ['router', 4001],
  ['198.51.100.5', Number.NaN],
  ['198.51.100.5', 0],
  ['198.51.100.5', 70_000],
] as const) {
  test(`a router at '${address}' that gives port ${port} says nothing`, async () => {
    const odd = { ...mapping('UPnP', address), port }
    const result = await mapPort(4001, { onLost: () => {}, ways: [says(odd)], own: HOME })
    expect(result).toEqual({
      status: 'unmapped',
      reason: 'the router does not say from where it leads here',
    })
    expect(odd.remove).toHaveBeenCalledOnce()
  })
}

test('a way that fails is a reason, and the next is tried', async () => {
  const failing: Way = () => Promise.reject(new Error('it is broken'))
  expect(await mapPort(4001, { onLost: () => {}, ways: [failing], own: HOME })).toEqual({
    status: 'unmapped',
    reason: 'it is broken',
  })
  const result = await mapPort(4001, {
    onLost: () => {},
    ways: [failing, says(mapping('UPnP'))],
    own: HOME,
  })
  expect(result.status).toBe('mapped')
})

test('a machine that is in the world itself asks nobody', async () => {
  const way = vi.fn(says('it is deaf'))
  const own = HOME.concat('198.51.100.5/24')
  expect(await mapPort(4001, { onLost: () => {}, ways: [way], own })).toEqual({
    status: 'needless',
  })
  expect(way).not.toHaveBeenCalled()
})
