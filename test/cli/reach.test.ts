/** What a host is told of who reaches it. */
import { expect, test } from 'vitest'
import { reachOf } from '../../node/cli/reach.ts'
import { LEADS_ELSEWHERE } from '../../node/network/dial-back.ts'

const OWN = new Set(['127.0.0.1', '192.168.1.7', '203.0.113.9', '2001:db8::9'])
const reason = 'no answer in time'

for (const [answer, expected] of [
  [
    { type: 'reached', address: '203.0.113.9' },
    { reached: true, found: 'strangers reach port 4001 at 203.0.113.9', advice: '', router: null },
  ],
  [
    { type: 'reached', address: '203.0.113.5' },
    {
      reached: true,
      found: 'strangers reach port 4001 at 203.0.113.5',
      router: '/ip4/203.0.113.5',
    },
  ],
  [
    { type: 'reached', address: '2001:db8::5' },
    { reached: true, router: '/ip6/2001:db8::5' },
  ],
  [
    { type: 'missed', address: '203.0.113.9', reason },
    { reached: false, advice: expect.stringContaining('firewall'), router: null },
  ],
  [
    { type: 'missed', address: '203.0.113.5', reason },
    {
      reached: false,
      found: expect.stringContaining(`that of a router (${reason})`),
      advice: expect.stringContaining('forward the port'),
      router: null,
    },
  ],
  // The router has given the port to another machine before, or somebody else's router answers.
  [
    { type: 'missed', address: '203.0.113.5', reason: LEADS_ELSEWHERE },
    {
      reached: false,
      found: expect.stringContaining(`that of a router (${LEADS_ELSEWHERE})`),
      advice:
        'the router leads that port to another machine: forward it to this one, or choose ' +
        'another with `--port`, or use `host --tunnel` or `--relay`',
      router: null,
    },
  ],
  [
    { type: 'missed', address: '203.0.113.9', reason: LEADS_ELSEWHERE },
    { reached: false, advice: expect.stringContaining('another program has that port') },
  ],
  [
    { type: 'unseen' },
    {
      reached: null,
      found: expect.stringMatching(
        /^whether strangers reach port 4001 is not known: .*cannot tell$/,
      ),
      advice: 'ask a relay or a run that is elsewhere',
      router: null,
    },
  ],
  [{ type: 'busy' }, { reached: null, router: null }],
] as const) {
  test(`${JSON.stringify(answer)}`, () =>
    expect(reachOf(answer, 4001, OWN)).toMatchObject(expected))
}

for (const [answer, found] of [
  [{ type: 'unseen' }, /^only this network reaches port 4001, unless a router leads here: /],
  [
    { type: 'missed', address: '203.0.113.5', reason },
    /^nobody from outside reaches port 4001, only this network: this machine is seen at /,
  ],
] as const) {
  test(`a machine with addresses of its home alone: ${answer.type}`, () =>
    expect(reachOf(answer, 4001, new Set(['127.0.0.1', '192.168.1.7'])).found).toMatch(found))
}
