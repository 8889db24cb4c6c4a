/** What an organiser sees first: commands that can be pasted, and whom the addresses serve. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { baseSourcesText } from '../../node/cli/base-words.ts'
import { command, joinCommand, quoted } from '../../node/cli/command.ts'
import { addressesOf, inviteNeededText, inviteText } from '../../node/cli/invite.ts'
import { pageAddress, parseLink } from '../../node/network/link.ts'

const CLONE = join(import.meta.dirname, '../..')
const ID = '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'
const RELAY = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
const LINK = `barnraise:/ip4/127.0.0.1/tcp/4002/p2p/${ID}#0123456789abcdef.t0k`

for (const [where, folder, start] of [
  ['in the clone', CLONE, 'npm run -s barnraise -- '],
  ['in a folder of it', join(CLONE, 'docs'), 'npm run -s barnraise -- '],
  ['outside of it', '/', `npm run -s --prefix ${quoted(CLONE)} barnraise -- `],
] as const) {
  test(`a command as it is pasted ${where}`, () =>
    expect(command('verify runs/sea', folder)).toBe(`${start}verify runs/sea`))
}

for (const [word, shown] of [
  ['runs/sea-1.2', 'runs/sea-1.2'],
  ['my runs/sea', "'my runs/sea'"],
  ["ada's", "'ada'\\''s'"],
  ['$(rm)', "'$(rm)'"],
] as const) {
  test(`${word} for a shell`, () => expect(quoted(word)).toBe(shown))
}

for (const [pages, page] of [
  [['http://127.0.0.1:4001/'], 'http://127.0.0.1:4001/'],
  [['http://127.0.0.1:4001/', 'http://192.168.1.7:4001/'], 'http://192.168.1.7:4001/'],
  [['http://192.168.1.7:4001/', 'https://run.example.org/'], 'https://run.example.org/'],
  [['http://192.168.1.7:4001/', 'http://198.51.100.5:4001/'], 'http://198.51.100.5:4001/'],
  [['http://192.168.1.7:4001/', 'http://run.example.org/'], 'http://run.example.org/'],
  [[], null],
] as const) {
  test(`of ${pages.length} pages ${page} is given away`, () => {
    const addresses = addressesOf({ link: LINK, pageAddresses: [...pages] }, 'w')
    expect(addresses.page).toBe(page && `${page}#join=0123456789abcdef.t0k`)
    expect(addresses.admin).toBe(page && `${page}#admin=w`)
  })
}

const THERE = { page: 'http://192.168.1.7:4001/#join=a', admin: 'http://192.168.1.7:4001/#admin=w' }

test('the link can be pasted, and stays in sight on a small terminal', () => {
  const text = inviteText(LINK, THERE, 24)
  expect(text).toContain(`\n  ${joinCommand(LINK)}\n`)
  expect(text.split('\n').length).toBeLessThan(24)
  expect(text).not.toContain('\u2588')
  expect(text).not.toContain('--public')
})

test('a large terminal shows the code', () =>
  expect(inviteText(LINK, THERE, 80)).toContain('\u2588'))

const at = (...places: string[]) => {
  const named = places.map((place) => `${place}/p2p/${ID}`)
  return LINK.replace(/:.*#/, `:${named.join()}#`)
}
const HOME = '/ip4/192.168.1.7/tcp/4001/ws'
const WORLD = '/ip4/11.9.0.3/tcp/4001/ws'
const SIX = '/ip6/2a00::5/tcp/4001/ws'
const LOOPBACK = '/ip4/127.0.0.1/tcp/4001/ws'
const relay = (place: string, kind = '/ws') => `${place}/tcp/4001${kind}/p2p/${RELAY}/p2p-circuit`
const RELAY_PAGE = relay('/ip4/198.51.100.5')
const RELAY_TCP = relay('/ip4/198.51.100.5', '')

for (const [what, link, page, words] of [
  ['this machine', at(LOOPBACK), 'http://127.0.0.1:4001/', 'on this machine only: with --public'],
  ['this network', at(HOME, LOOPBACK), 'http://192.168.1.7:4001/', 'in this network only'],
  ['its own address', at(WORLD, HOME), 'http://11.9.0.3:4001/', 'at 11.9.0.3, if no firewall'],
  [
    'a name',
    at(HOME, '/dns/run.example.org/tcp/443/tls/ws'),
    'https://run.example.org/',
    'Strangers reach these at run.example.org, as long as that name leads here',
  ],
  [
    "a relay's page",
    at(HOME, RELAY_PAGE, LOOPBACK),
    `http://198.51.100.5:4001/#at=${ID}`,
    'Strangers reach these at 198.51.100.5, the relay',
  ],
  [
    "a relay's page where its own address is shut",
    at(RELAY_PAGE, WORLD, LOOPBACK),
    `http://198.51.100.5:4001/#at=${ID}`,
    'Strangers reach these at 198.51.100.5, the relay',
  ],
  [
    'a link through a relay that has no page, where its own address is shut',
    at(RELAY_TCP, WORLD, LOOPBACK),
    'http://11.9.0.3:4001/',
    'for this network only, as nobody from outside reaches this machine itself; the link leads',
  ],
  [
    'the same in a home whose own addresses are shut',
    at(HOME, RELAY_TCP, SIX, LOOPBACK),
    'http://192.168.1.7:4001/',
    'for this network only, as nobody from outside reaches this machine itself; the link leads',
  ],
  [
    'a link through a relay, on this machine',
    at(RELAY_TCP, LOOPBACK),
    'http://127.0.0.1:4001/',
    'for this machine only; the link leads through the relay',
  ],
  [
    'a relay that only this machine reaches',
    at(relay('/ip4/127.0.0.1', ''), LOOPBACK),
    'http://127.0.0.1:4001/',
    'on this machine only, as the relay is named by',
  ],
  ['a host without a page', at('/ip4/11.9.0.3/tcp/4002'), null, 'it has no page'],
  ['a host at home without one', at('/ip4/192.168.1.7/tcp/4002'), null, 'in this network only'],
] as const) {
  test(`who reaches ${what}`, () => {
    const pageAddresses = parseLink(link)
      .addresses.map(pageAddress)
      .filter((one) => one !== null)
    const addresses = addressesOf({ link, pageAddresses }, 'w')
    const separator = page?.includes('#') === true ? '&' : '#'
    expect(addresses.page).toBe(page && `${page}${separator}join=0123456789abcdef.t0k`)
    const text = inviteText(link, addresses, 24)
    expect(text).toContain(words)
    // It is said once.
    expect(text.match(/These work|Strangers reach|The page is for/g)).toHaveLength(1)
  })
}

test('whence the base comes: this host gives what mirrors do not', () => {
  expect(baseSourcesText([], 2e6)).toBe('Each volunteer fetches the base, 2.0 MB, from this host')
  expect(baseSourcesText(['https://a.example/x', 'https://a.example/y'], 2e6)).toBe(
    'Volunteers fetch the base, 2.0 MB, from a.example, and what they do not give from this host',
  )
})

test('where invites are needed, the command that makes one is given in place of the link', () => {
  const text = inviteNeededText('runs/sea', THERE)
  expect(text).toContain(`\n  ${command('invite runs/sea --name friends --members 30')}\n`)
  expect(text).toContain(THERE.admin)
})

test('of a link without a token the page has none', () => {
  const [open = ''] = LINK.split('.t0k')
  const { page } = addressesOf({ link: open, pageAddresses: ['http://192.168.1.7:4001/'] }, 'w')
  expect(page).toBe('http://192.168.1.7:4001/#join=0123456789abcdef')
})
