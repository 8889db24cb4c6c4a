/** What an organiser gives away, and what is theirs: the link, the page, its QR code. */
import type { Addresses } from '../history/progress.ts'
import { parseLink, withWords } from '../network/link.ts'
import { isOfHome } from '../network/near.ts'
import { isLoopback } from '../network/network-of.ts'
import type { CoordinatorRole } from '../roles/coordinator.ts'
import type { Ways } from '../roles/ways.ts'
import { command, joinCommand, quoted } from './command.ts'
import { qrText } from './qr.ts'

/** Lines that stand around the code, with some of what happens then. */
const LINES_AROUND = 12

/**
 * The pages' addresses. What is after the # stays in the browser: whoever has it may join, or see
 * the link.
 */
export function addressesOf({ link, pageAddresses }: Ways, admin: string): Addresses {
  const others = pageAddresses.filter((address) => !isHere(address))
  // A tab may do more where its page came over TLS.
  const secure = others.find((address) => address.startsWith('https:'))
  // And one of the whole world leads here from the same home, too, if need be through the router.
  const inWorld = others.find((address) => !isOfHome(hostOf(address)))
  const page = secure ?? inWorld ?? others[0] ?? pageAddresses[0]
  if (page === undefined) return { page: null, admin: null }
  const { run, token } = parseLink(link)
  const fragment = `join=${run}${token === '' ? '' : `.${encodeURIComponent(token)}`}`
  return { page: withWords(page, fragment), admin: withWords(page, `admin=${admin}`) }
}

/** @param rows of the terminal; a code that would push the link out of sight is left to the page */
export function inviteText(link: string, { page, admin }: Addresses, rows: number): string {
  const parts = [`\nVolunteers join with:\n\n  ${joinCommand(link)}\n`]
  if (page !== null) {
    const code = qrText(page)
    const fits = code.split('\n').length + LINES_AROUND <= rows
    parts.push(`or by opening this page in a browser:\n\n  ${page}\n`)
    if (fits) parts.push(`${code}\n`)
    const orCode = fits ? '' : ', and a QR code to join by,'
    if (admin !== null) parts.push(`You see everything${orCode} at ${admin}\n`)
  }
  if (page !== null && isHere(page)) parts.push(`${hereOnly(link)}\n`)
  return parts.join('\n')
}

function hereOnly(link: string): string {
  const relayed = parseLink(link).addresses.filter((address) => address.includes('/p2p-circuit/'))
  if (relayed.length > 0 && relayed.every(isLoopback)) {
    return (
      'These work on this machine only, as the relay is named by an address of it: ' +
      'give --relay the address at which others reach the relay.'
    )
  }
  return relayed.length > 0
    ? 'The page is for this machine only; the link leads through the relay, for all who reach it.'
    : 'These work on this machine only: with --public, others reach it at its own addresses; ' +
        'with --announce, at those that you name; with --tunnel or --relay, from behind a router.'
}

/** Where nobody joins by the link of the run itself. */
export function inviteNeededText(folder: string, { admin }: Addresses): string {
  const made = command(`invite ${quoted(folder)} --name friends --members 30`)
  const parts = [`\nVolunteers join by invites, which you make:\n\n  ${made}\n`]
  if (admin !== null) parts.push(`You see everything at ${admin}\n`)
  return parts.join('\n')
}

/** What a stranger has to know beforehand to check the run. */
export function checkText({ runId, coordinator }: CheckedRun): string {
  const lines = [`run          ${runId}`, `coordinator  ${coordinator}`]
  return `Whoever checks the run trusts these two alone:\n\n  ${lines.join('\n  ')}\n`
}

type CheckedRun = Pick<CoordinatorRole, 'runId' | 'coordinator'>

/** The IP address or name in a page's address. */
const hostOf = (address: string): string => new URL(address).hostname.replace(/^\[|\]$/g, '')

/** Whether a page's address is for this machine alone. */
export function isHere(address: string): boolean {
  return /^(127\.|localhost$|\[::1\]$)/.test(new URL(address).hostname)
}
