/** Who reaches what an organiser gives away, how, and what to do for more. */
import { isIP } from 'node:net'
import { shutOf } from '../network/addresses.ts'
import { AT, pageAddress, parseLink } from '../network/link.ts'
import { isOfHome, PLACES, type Place, placeOf } from '../network/near.ts'
import { isLoopback } from '../network/network-of.ts'
import type { Ways } from '../roles/ways.ts'

/** The page that most reach, of those at which a link's host has one; undefined: there is none. */
export function widestPage({ link, pageAddresses }: Ways): string | undefined {
  const shut = shutPages(link)
  const others = pageAddresses.filter((page) => !isHere(page))
  const open = others.filter((page) => !shut.has(withoutWords(page)))
  // A tab may do more where its page came over TLS.
  const secure = open.find((page) => page.startsWith('https:'))
  // And one of the whole world leads here from the same home, too, if need be through the router.
  const inWorld = open.find((page) => !isOfHome(hostOf(page)))
  return secure ?? inWorld ?? open[0] ?? others[0] ?? pageAddresses[0]
}

/** @param page that is given away; null: there is none */
export function audienceText(link: string, page: string | null): string {
  const { addresses } = parseLink(link)
  const shut = shutOf(addresses)
  const isAnyShut = shut.length > 0
  const linkPlace = widest(addresses.filter((address) => !shut.includes(address)).map(firstPlace))
  if (page === null) return linkPlace === 'world' ? LINK_IN_WORLD : nearOnly(linkPlace)
  const pagePlace = placeOfPage(page, link)
  if (pagePlace === 'world') return pageInWorld(page)
  const relayed = addresses.filter((address) => address.includes('/p2p-circuit/'))
  if (relayed.length > 0 && relayed.every(isLoopback)) return RELAY_HERE
  const isLinkWider = PLACES.indexOf(linkPlace) > PLACES.indexOf(pagePlace)
  return relayed.length > 0 && isLinkWider ? linkOnly(pagePlace, isAnyShut) : nearOnly(pagePlace)
}

/** Whether a page's address is for this machine alone. */
export function isHere(page: string): boolean {
  return /^(127\.|localhost$|\[::1\]$)/.test(new URL(page).hostname)
}

const LINK_IN_WORLD =
  'Strangers reach this host by the link, if no firewall or router is in the way; it has no ' +
  'page, as none of its addresses takes WebSockets.'

const RELAY_HERE =
  'These work on this machine only, as the relay is named by an address of it: ' +
  'give --relay the address at which others reach the relay.'

function pageInWorld(page: string): string {
  const { hostname, hash } = new URL(page)
  const at = `Strangers reach these at ${hostname}`
  if (new URLSearchParams(hash.slice(1)).has(AT)) return `${at}, the relay, as long as it runs.`
  if (isIP(hostOf(page)) === 0) return `${at}, as long as that name leads here.`
  return (
    `${at}, if no firewall or router is in the way, which \`doctor --ask\` tells; ` +
    'with --tunnel or --relay none is.'
  )
}

function linkOnly(pagePlace: Place, isAnyShut: boolean): string {
  const whose = pagePlace === 'here' ? 'machine' : 'network'
  const why = isAnyShut ? ', as nobody from outside reaches this machine itself' : ''
  return (
    `The page is for this ${whose} only${why}; the link leads through the relay, for all who ` +
    'reach it. For a page that strangers reach, give --relay the address of the relay that ' +
    'ends in /ws and its /p2p/, or use --tunnel.'
  )
}

function nearOnly(place: Place): string {
  return place === 'here'
    ? 'These work on this machine only: with --public, others reach it at its own addresses; ' +
        'with --announce, at those that you name; with --tunnel or --relay, from behind a router.'
    : 'These work in this network only: strangers reach them with --tunnel or --relay, or where ' +
        'the router leads the port here and --announce names its address.'
}

function placeOfPage(page: string, link: string): Place {
  if (isHere(page)) return 'here'
  return shutPages(link).has(withoutWords(page)) ? 'home' : placeOf(hostOf(page))
}

/** The pages at addresses that were found to let nobody in. */
const shutPages = (link: string): ReadonlySet<string | null> =>
  new Set(shutOf(parseLink(link).addresses).map(pageAddress))

/** Where the first machine on the way is: the host, or its relay. */
const firstPlace = (address: string): Place => placeOf(address.split('/')[2] ?? '')

const widest = (places: readonly Place[]): Place =>
  PLACES.findLast((place) => places.includes(place)) ?? 'here'

/** The IP address or name in a page's address. */
const hostOf = (page: string): string => new URL(page).hostname.replace(/^\[|\]$/g, '')

const withoutWords = (page: string): string => page.split('#')[0]!
