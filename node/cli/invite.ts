/** What an organiser gives away, and what is theirs: the link, the page, its QR code. */
import type { Addresses } from '../history/progress.ts'
import { parseLink, withWords } from '../network/link.ts'
import type { CoordinatorRole } from '../roles/coordinator.ts'
import type { Ways } from '../roles/ways.ts'
import { audienceText, widestPage } from './audience.ts'
import { command, joinCommand, quoted } from './command.ts'
import { qrText } from './qr.ts'

/** Lines that stand around the code, with some of what happens then. */
const LINES_AROUND = 14

/**
 * The pages' addresses. What is after the # stays in the browser: whoever has it may join, or see
 * the link.
 */
export function addressesOf({ link, pageAddresses }: Ways, admin: string): Addresses {
  const page = widestPage({ link, pageAddresses })
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
  parts.push(`${audienceText(link, page)}\n`)
  return parts.join('\n')
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
