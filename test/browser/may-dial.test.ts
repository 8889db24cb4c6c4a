/** What a page dials of the addresses that it hears. */
import { expect, test } from 'vitest'
import { mayDial } from '../../node/browser/tab/may-dial.ts'

const RELAYED = '/p2p/12D3KooWrelay/p2p-circuit/p2p/12D3KooWhost'

for (const [address, overHttp, overHttps] of [
  ['/ip4/192.168.1.7/tcp/4001/ws/p2p/12D3KooWhost', true, false],
  ['/ip4/192.168.1.7/tcp/4002/p2p/12D3KooWhost', false, false],
  ['/dns/run.example.org/tcp/443/tls/ws/p2p/12D3KooWhost', true, true],
  ['/dns/run.example.org/tcp/443/tls/sni/run.example.org/ws', true, true],
  ['/dns4/run.example.org/tcp/443/wss', true, true],
  [`/dns/relay.example.org/tcp/443/tls/ws${RELAYED}`, true, true],
  [`/ip4/192.0.2.1/tcp/4001/ws${RELAYED}`, true, false],
  [`/ip4/192.0.2.1/tcp/4002${RELAYED}`, false, false],
] as const) {
  test(`${address}: ${overHttp ? 'dialled' : 'not dialled'} by a page over http`, () => {
    expect(mayDial(address, 'http:')).toBe(overHttp)
    expect(mayDial(address, 'https:')).toBe(overHttps)
  })
}
