/**
 * That a run cannot be reached, in one sentence for all who try: at which addresses, and why. What
 * libp2p and fetch say of it names each address several times, and mostly not the reason.
 */
import { multiaddr } from '@multiformats/multiaddr'
import { asError, UnreachableError } from './errors.ts'

const ADDRESSES_SHOWN = 3

/** @param addresses multiaddrs, or those of pages */
export function unreachable(addresses: readonly string[], error: unknown): UnreachableError {
  const message = `Cannot reach the run at ${placesOf(addresses)} (${whyUnreached(error)})`
  return new UnreachableError(message, error)
}

/** The first of the addresses, as people write them, and how many there are more. */
export function placesOf(addresses: readonly string[]): string {
  const places = [...new Set(addresses.map(placeOf))]
  const more = places.length - ADDRESSES_SHOWN
  const shown = places.slice(0, ADDRESSES_SHOWN).join(', ')
  return more > 0 ? `${shown} and ${more} more` : shown
}

/** `/ip4/10.0.0.7/tcp/4001/ws/p2p/12D3KooW…` -> `10.0.0.7:4001` */
function placeOf(address: string): string {
  if (!address.startsWith('/')) return address
  const [host, port] = multiaddr(address).getComponents()
  const name = host?.name === 'ip6' ? `[${host.value}]` : host?.value
  return port?.value === undefined ? String(name) : `${name}:${port.value}`
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection broke',
  ENOTFOUND: 'there is no such name',
  EAI_AGAIN: 'its name cannot be looked up: is this machine online?',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'there is no way to it: is this machine online?',
  ENETUNREACH: 'there is no way to it: is this machine online?',
  UND_ERR_CONNECT_TIMEOUT: 'no answer in time',
  CERT_HAS_EXPIRED: 'its certificate is out of date: is the clock of this machine right?',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: is the clock of this machine right?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'nobody whom this machine trusts has signed its certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'nobody whom this machine trusts has signed its certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'nobody whom this machine trusts has signed its certificate',
  ERR_SSL_WRONG_VERSION_NUMBER:
    'it speaks no TLS: its address may begin with http:// in place of https://',
  NoValidAddressesError: 'this machine cannot dial such addresses',
  TimeoutError: 'no answer in time',
  // What fetch says where a page leads to another, which ours never do.
  'unexpected redirect': 'it leads elsewhere: does this network want a login first?',
}

/** Each reason once. A WebSocket tells none, and is passed over where another address does. */
export function whyUnreached(error: unknown): string {
  const causes = error instanceof AggregateError ? error.errors : [error]
  const telling = causes.filter((cause) => !(cause instanceof Event))
  const reasons = (telling.length > 0 ? telling : causes).map(reasonOf)
  return [...new Set(reasons)].join('; ')
}

function reasonOf(failure: unknown): string {
  const error = asError(failure)
  // What fetch throws has the reason within.
  const cause = error.cause instanceof Error ? error.cause : error
  const { code = '' } = cause as { code?: string }
  const { name, message } = cause
  return REASONS[code] ?? REASONS[name] ?? REASONS[message] ?? (message || error.message)
}
