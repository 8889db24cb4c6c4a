/** What a volunteer says of itself goes into the journal, where its machine is does not. */
import { expect, test } from 'vitest'
import { journalled, withoutPlaces } from '../../node/roles/journalled-request.ts'

for (const [text, expected] of [
  ['the connection to 192.168.1.7:4001 broke', 'the connection to (an address) broke'],
  ['no way to /ip4/10.0.0.2/tcp/4001/ws/p2p/12D3KooW', 'no way to (an address)'],
  ['no way to /dns4/pc.example.org/tcp/1, or so', 'no way to (an address), or so'],
  ['fe80::1ff:fe23:4567:890a is gone', '(an address) is gone'],
  ['[2001:db8:0:0:8a2e:370:7334:1]:443 is gone', '(an address) is gone'],
  ['https://run.example.org/x?y answers 404', '(an address) answers 404'],
  ["Cannot write '/home/anna/.cache/blobs/ab': it is full", "Cannot write '(a path)': it is full"],
  ['Cannot write C:\\Users\\anna\\blobs', 'Cannot write (a path)'],
  ['ids must be below 2000: one is 2019', 'ids must be below 2000: one is 2019'],
  ['a number in the loss is not finite', 'a number in the loss is not finite'],
  ['the user left at 12:30:45, after 3/4 of it', 'the user left at 12:30:45, after 3/4 of it'],
] as const) {
  test(`'${text}'`, () => {
    expect(withoutPlaces(text)).toBe(expected)
    const leave = { type: 'leave', reason: text } as const
    expect(journalled(leave)).toEqual({ type: 'leave', reason: expected })
  })
}
