/** Which of its relays a host names first, as they are lost and come back. */
import { expect, test } from 'vitest'
import { createRelayOrder } from '../../node/network/relay-order.ts'

for (const [what, notes, all, leading, hasMoved] of [
  ['all hold', [], 'abc', 'abc', []],
  ['the first is lost', ['-a'], 'bca', 'bc', [true]],
  ['another is lost', ['-b'], 'abc', 'ac', [false]],
  ['the first is lost and comes back', ['-a', '+a'], 'bca', 'bca', [true, false]],
  ['the next is lost, too', ['-a', '-b'], 'cba', 'c', [true, true]],
  ['all are lost', ['-a', '-b', '-c'], 'cba', 'cba', [true, true, false]],
  ['all are lost and one is back', ['-a', '-b', '-c', '+a'], 'acb', 'a', [true, true, false, true]],
] as const) {
  test(`${what}: ${all}`, () => {
    const order = createRelayOrder(['a', 'b', 'c'])
    const moved = notes.map(([sign, relay = '']) => order.note(relay, sign === '-'))
    expect(order.all().join('')).toBe(all)
    expect(order.leading().join('')).toBe(leading)
    expect(moved).toEqual(hasMoved)
  })
}
