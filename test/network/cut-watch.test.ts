/** When a volunteer is told of a proxy that cuts, and when it is not. */
import { expect, test } from 'vitest'
import { createCutWatch } from '../../node/network/cut-watch.ts'

const [PROXIED, TCP] = [
  '/dns4/run.example.org/tcp/443/tls/ws/p2p/x',
  '/ip4/192.0.2.7/tcp/4002/p2p/x',
]
const [MINUTE, HOUR] = [60_000, 3_600_000]

for (const [what, cuts, isTold] of [
  [
    'three in a row',
    [
      [PROXIED, MINUTE],
      [PROXIED, MINUTE],
      [PROXIED, MINUTE],
    ],
    true,
  ],
  [
    'two',
    [
      [PROXIED, MINUTE],
      [PROXIED, MINUTE],
    ],
    false,
  ],
  [
    'connections of TCP',
    [
      [TCP, MINUTE],
      [TCP, MINUTE],
      [TCP, MINUTE],
    ],
    false,
  ],
  [
    'those that last',
    [
      [PROXIED, HOUR],
      [PROXIED, HOUR],
      [PROXIED, HOUR],
    ],
    false,
  ],
  [
    'those that one which lasts lies between',
    [
      [PROXIED, MINUTE],
      [PROXIED, MINUTE],
      [PROXIED, HOUR],
      [PROXIED, MINUTE],
    ],
    false,
  ],
] as const) {
  test(`a volunteer ${isTold ? 'is' : 'is not'} told of ${what}`, () => {
    const hear = createCutWatch()
    const told = cuts.map(([address, lastedMs]) => hear(address, lastedMs))
    expect(told.some((line) => line !== null)).toBe(isTold)
  })
}

test('it is told once, what it saw and what to do', () => {
  const hear = createCutWatch()
  const told = [60, 61, 60, 60, 60, 60, 60].map((seconds) => hear(PROXIED, 1000 * seconds))
  expect(told.filter((line) => line !== null)).toEqual([
    'the last 3 connections broke after 60, 61, 60 s: is there a proxy or tunnel on the way that ' +
      'cuts WebSockets? Whoever runs it can raise its timeout (nginx: proxy_read_timeout 1h;). ' +
      'No work is lost by it',
  ])
})
