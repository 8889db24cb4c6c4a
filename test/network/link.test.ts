/** Invites come back as they went out, and a damaged one says what to do. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  announcedAddress,
  formatLink,
  pageAddress,
  parseLink,
  swarmAddress,
  withWords,
} from '../../node/network/link.ts'
import { ConfigError } from '../../protocol/errors.ts'

const idOf = async (seed: number) =>
  peerIdFromPrivateKey(
    await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(seed)),
  ).toString()
const ID = await idOf(1)
const OTHER = await idOf(2)
const TCP = `/ip4/192.168.1.7/tcp/4001/p2p/${ID}`
const WSS = `/dns4/run.example.org/tcp/443/tls/ws/p2p/${ID}`
const RUN = '0123456789abcdef'

describe('what a link says', () => {
  for (const [link, expected] of [
    [TCP, { addresses: [TCP], run: null, token: '' }],
    [`barnraise:${TCP}`, { addresses: [TCP], run: null, token: '' }],
    [`  barnraise:${TCP}\n`, { addresses: [TCP], run: null, token: '' }],
    [`barnraise:${TCP},${WSS}`, { addresses: [TCP, WSS], run: null, token: '' }],
    [`barnraise:${TCP}#${RUN}`, { addresses: [TCP], run: RUN, token: '' }],
    [`barnraise:${TCP}#${RUN}.abc`, { addresses: [TCP], run: RUN, token: 'abc' }],
    [`barnraise:${TCP}#.abc`, { addresses: [TCP], run: null, token: 'abc' }],
    [`barnraise:${TCP}#${RUN.repeat(4)}`, { addresses: [TCP], run: RUN.repeat(4), token: '' }],
    [`barnraise:${TCP}#${RUN}.a%2Fb.c%20d`, { addresses: [TCP], run: RUN, token: 'a/b.c d' }],
  ] as const) {
    test(link, () => expect(parseLink(link)).toEqual({ ...expected, coordinator: ID }))
  }
})

for (const [address, page] of [
  ['/ip4/192.168.1.7/tcp/4001/ws', 'http://192.168.1.7:4001/'],
  ['/ip6/::1/tcp/4001/ws', 'http://[::1]:4001/'],
  ['/dns/run.example.org/tcp/80/ws', 'http://run.example.org/'],
  ['/dns/run.example.org/tcp/443/tls/ws', 'https://run.example.org/'],
] as const) {
  test(`the page of ${address}, and back`, () => {
    expect(pageAddress(`${address}/p2p/${ID}`)).toBe(page)
    expect(swarmAddress(new URL(page), ID)).toBe(`${address}/p2p/${ID}`)
  })
}

test('the page of a relay says where it leads', () => {
  const page = pageAddress(
    `/dns4/relay.example.org/tcp/443/tls/ws/p2p/${OTHER}/p2p-circuit/p2p/${ID}`,
  )
  expect(page).toBe(`https://relay.example.org/#at=${ID}`)
  expect(withWords(page!, 'join=a.b')).toBe(`https://relay.example.org/#at=${ID}&join=a.b`)
  expect(withWords('https://run.example.org/', 'join=a.b')).toBe(
    'https://run.example.org/#join=a.b',
  )
})

for (const [what, address] of [
  ['takes no WebSockets', TCP],
  [
    'leads through a relay that takes none',
    `/ip4/192.0.2.1/tcp/1/p2p/${OTHER}/p2p-circuit/p2p/${ID}`,
  ],
  ['has no port', `/ip4/192.168.1.7/ws/p2p/${ID}`],
  ['has a name that is none', `/dns4/<a.b/tcp/1/ws/p2p/${ID}`],
  ['has a name of control characters', `/dns4/\u001f\0b/tcp/1/ws/p2p/${ID}`],
] as const) {
  test(`an address that ${what} has no page`, () => expect(pageAddress(address)).toBeNull())
}

describe('what is no link', () => {
  for (const [name, link, why] of [
    ['nothing', '', 'it is empty'],
    ['prose', 'please join us', 'is no multiaddr'],
    ['a web address', 'https://run.example.org', 'is no multiaddr'],
    ['an address without an id', 'barnraise:/ip4/1.2.3.4/tcp/1', "doesn't end in /p2p/"],
    ['an address with half an id', `barnraise:${TCP.slice(0, -5)}`, 'is no multiaddr'],
    ['an address that goes on after the id', `${TCP}/tcp/7`, "doesn't end in /p2p/"],
    ['two coordinators', `${TCP},/ip4/1.2.3.4/tcp/1/p2p/${OTHER}`, 'different coordinators'],
    ['an empty address', `${TCP},`, "doesn't end in /p2p/"],
    ['25 addresses', Array(25).fill(TCP).join(','), 'over 24 addresses'],
    ['5,000 characters', TCP + '#'.padEnd(5_000, 'a'), 'longer than 4096'],
    ['a run of 15 digits', `${TCP}#${RUN.slice(1)}`, '16 to 64 hexadecimal digits'],
    ['a run in capitals', `${TCP}#${RUN.toUpperCase()}`, '16 to 64 hexadecimal digits'],
    ['a damaged token', `${TCP}#${RUN}.%zz`, 'token is damaged'],
    ['a token of 257 characters', `${TCP}#.${'a'.repeat(257)}`, 'over 256 characters'],
  ] as const) {
    test(`${name}: ${why}`, () => {
      expect(() => parseLink(link)).toThrow(ConfigError)
      expect(() => parseLink(link)).toThrow(why)
      expect(() => parseLink(link)).toThrow('Copy it whole from the organiser')
    })
  }
})

for (const [text, expected] of [
  ['/dns4/run.example.org/tcp/443/tls/ws', '/dns4/run.example.org/tcp/443/tls/ws'],
  ['https://run.example.org', '/dns/run.example.org/tcp/443/tls/ws'],
  ['http://192.168.1.7:4001/', '/ip4/192.168.1.7/tcp/4001/ws'],
] as const) {
  test(`${text} is announced as ${expected}`, () => expect(announcedAddress(text)).toBe(expected))
}

for (const text of ['run.example.org', 'https://', '/ip4/1.2.3.4.5', '']) {
  test(`'${text}' cannot be announced`, () => {
    expect(() => announcedAddress(text)).toThrow(ConfigError)
    expect(() => announcedAddress(text)).toThrow(/'--announce' must be a multiaddr/)
  })
}

test('any invite comes back, with the first digits of its run, in one word of a shell', () => {
  const token = fc.string({ maxLength: 30, unit: 'grapheme' }).filter((text) => text.length <= 128)
  const run = fc.option(fc.stringMatching(/^[0-9a-f]{64}$/))
  const addresses = fc.shuffledSubarray([TCP, WSS], { minLength: 1 })
  fc.assert(
    fc.property(addresses, run, token, (addresses, run, token) => {
      const link = formatLink({ addresses, run, token })
      expect(link).not.toMatch(/[\s&?;|<>"`$\\]/)
      expect(parseLink(link)).toEqual({
        addresses,
        coordinator: ID,
        run: run?.slice(0, 16) ?? null,
        token,
      })
    }),
  )
})
