/**
 * The invite that an organiser gives to volunteers: where the coordinator is, whose key it must
 * hold (the `/p2p/` at the end of each address), which run, and the token that admits. It is one
 * word without characters that a shell or a chat would change:
 *
 *     barnraise:/ip4/192.168.1.7/tcp/4001/p2p/12D3KooW…,/dns4/…/p2p/12D3KooW…#0123456789abcdef.t0k
 *
 * What follows the `#` is `run`, `.` and `token`, either of which may be missing. A bare multiaddr
 * will do.
 */

import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { ADDRESSES_MAX, ConfigError, type PeerId, TOKEN_LENGTH_MAX } from '../../protocol/index.ts'
import { LINK_LENGTH_MAX } from './limits.ts'

export interface Invite {
  /** Multiaddrs of one coordinator, each ending in its `/p2p/` id. */
  addresses: string[]
  coordinator: PeerId
  /** The first 16 or more digits of the RunId; null: whatever the coordinator hosts. */
  run: string | null
  /** Empty where the run is open to all. */
  token: string
}

const SCHEME = 'barnraise:'
const RUN_PATTERN = /^[0-9a-f]{16,64}$/
const RUN_DIGITS = 16

export function formatLink(invite: Pick<Invite, 'addresses' | 'run' | 'token'>): string {
  const run = invite.run?.slice(0, RUN_DIGITS) ?? ''
  const token = invite.token === '' ? '' : `.${encodeURIComponent(invite.token)}`
  const fragment = run + token
  return SCHEME + invite.addresses.join(',') + (fragment === '' ? '' : `#${fragment}`)
}

/** @throws ConfigError that says what to do */
export function parseLink(text: string): Invite {
  const link = text.trim()
  if (link === '') refuse('it is empty')
  if (link.length > LINK_LENGTH_MAX) refuse(`it is longer than ${LINK_LENGTH_MAX} characters`)
  const bare = link.startsWith(SCHEME) ? link.slice(SCHEME.length) : link
  const [path = '', fragment = ''] = split(bare, '#')
  const addresses = path.split(',')
  if (addresses.length > ADDRESSES_MAX) refuse(`it has over ${ADDRESSES_MAX} addresses`)
  const coordinators = new Set(addresses.map(coordinatorOf))
  if (coordinators.size !== 1) refuse('its addresses name different coordinators')
  const [coordinator = ''] = coordinators
  return { addresses, coordinator, ...parseFragment(fragment) }
}

/**
 * The page that is served where this address takes WebSockets; null: there can be none. A relay
 * has the page, too, and its words after the # say to which coordinator it leads.
 */
export function pageAddress(address: string): string | null {
  const [first = '', through] = address.split('/p2p-circuit/p2p/')
  if (through === undefined) return servedAt(address)
  const page = servedAt(first)
  return page === null ? null : `${page}#${AT}=${through}`
}

/** The page's address with words after its #, beside those that it has. */
export function withWords(page: string, words: string): string {
  return `${page}${page.includes('#') ? '&' : '#'}${words}`
}

/** Names the coordinator that a relay's page leads to. */
export const AT = 'at'

function servedAt(address: string): string | null {
  const components = multiaddr(address).getComponents()
  const componentOf = (...names: string[]) =>
    components.find(({ name }) => names.includes(name))?.value ?? null
  const has = (...names: string[]) => components.some(({ name }) => names.includes(name))
  const name = componentOf('ip4', 'dns', 'dns4', 'dns6')
  const six = componentOf('ip6')
  const host = six === null ? name : `[${six}]`
  if (host === null || !has('ws', 'wss')) return null
  const page = `${has('wss', 'tls') ? 'https' : 'http'}://${host}:${componentOf('tcp')}/`
  return URL.canParse(page) ? new URL(page).href : null
}

/**
 * An address that others are told, as a multiaddr or as that of a page.
 * @throws ConfigError
 */
export function announcedAddress(text: string): string {
  if (/^https?:/.test(text) && URL.canParse(text)) return webSocketAddress(new URL(text))
  try {
    const address = multiaddr(text)
    if (address.getComponents().length === 0) throw new Error('it is empty')
    return address.toString()
  } catch {
    throw new ConfigError(
      "Cannot announce this address as '--announce' must be a multiaddr, such as " +
        `/dns4/run.example.org/tcp/443/tls/ws, or https://run.example.org: it is ${text}`,
    )
  }
}

/** The multiaddr at which the coordinator, or the relay, listens that served the page. */
export function swarmAddress(address: URL, coordinator: PeerId): string {
  return `${webSocketAddress(address)}/p2p/${coordinator}`
}

function webSocketAddress(address: URL): string {
  const { protocol, hostname } = address
  const isSecure = protocol === 'https:'
  const port = address.port === '' ? (isSecure ? '443' : '80') : address.port
  const six = /^\[(.*)\]$/.exec(hostname)?.[1]
  const isFour = /^\d+(\.\d+){3}$/.test(hostname)
  const host = six === undefined ? `/${isFour ? 'ip4' : 'dns'}/${hostname}` : `/ip6/${six}`
  return `${host}/tcp/${port}${isSecure ? '/tls' : ''}/ws`
}

/** What follows the #: `run`, `.` and `token`. @throws ConfigError */
export function parseFragment(fragment: string): Pick<Invite, 'run' | 'token'> {
  const [run = '', token = ''] = split(fragment, '.')
  if (run !== '' && !RUN_PATTERN.test(run)) {
    refuse('what follows # must start with 16 to 64 hexadecimal digits of the run')
  }
  let decoded = ''
  try {
    decoded = decodeURIComponent(token)
  } catch {
    refuse('its token is damaged')
  }
  if (decoded.length > TOKEN_LENGTH_MAX) refuse(`its token is over ${TOKEN_LENGTH_MAX} characters`)
  return { run: run === '' ? null : run, token: decoded }
}

/** The peer id that an address ends in. */
function coordinatorOf(address: string): PeerId {
  const shown = JSON.stringify(address.slice(0, 80))
  let last: { name: string; value?: string } | undefined
  try {
    last = multiaddr(address).getComponents().at(-1)
    if (last?.name === 'p2p') return peerIdFromString(last.value ?? '').toString()
  } catch {
    const isPath = !/^(\/(ip[46]|dns|p2p)|https?:|barnraise:)/.test(address)
    refuse(
      isPath ? `${shown} is no multiaddr, nor a file or folder here` : `${shown} is no multiaddr`,
    )
  }
  return refuse(`${shown} doesn't end in /p2p/ and the coordinator's id`)
}

function split(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)]
}

function refuse(why: string): never {
  throw new ConfigError(
    `Cannot use this link as ${why}. Copy it whole from the organiser; ` +
      `it looks like ${SCHEME}/ip4/…/tcp/…/p2p/12D3KooW…#run.token`,
  )
}
