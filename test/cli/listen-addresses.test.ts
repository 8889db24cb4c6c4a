/** Where a host listens. */
import { expect, test } from 'vitest'
import { listenAddresses } from '../../node/cli/listen-addresses.ts'

for (const [what, options, hasIpv6, expected] of [
  ['here', { port: 4001 }, true, ['/ip4/127.0.0.1/tcp/4001/ws', '/ip4/127.0.0.1/tcp/4002']],
  [
    'everywhere, by IPv4',
    { port: 4001, public: true },
    false,
    ['/ip4/0.0.0.0/tcp/4001/ws', '/ip4/0.0.0.0/tcp/4002'],
  ],
  [
    'everywhere',
    { port: 4001, public: true },
    true,
    [
      '/ip4/0.0.0.0/tcp/4001/ws',
      '/ip4/0.0.0.0/tcp/4002',
      '/ip6/::/tcp/4001/ws',
      '/ip6/::/tcp/4002',
    ],
  ],
  ['at any ports', { port: 0 }, true, ['/ip4/127.0.0.1/tcp/0/ws', '/ip4/127.0.0.1/tcp/0']],
] as const) {
  test(what, () => expect(listenAddresses(options, hasIpv6)).toEqual(expected))
}
