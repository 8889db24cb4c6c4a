/**
 * `barnraise invite`: links with terms of their own, which the organiser makes, lists and revokes,
 * whether the run is hosted now or not. `barnraise allow` adds to a run's list of peers.
 */
import { readFile } from 'node:fs/promises'
import type { CoordinatorState } from '../../coordinator/index.ts'
import { ConfigError, type InviteTerms } from '../../protocol/index.ts'
import { loadIdentity } from '../network/identity-file.ts'
import { formatLink, pageAddress, parseLink } from '../network/link.ts'
import { writeInvite } from '../roles/admission.ts'
import { type OpenedRun, openRun } from '../run/open-run.ts'
import { type RunFolder, runFolder } from '../run/run-folder.ts'
import { ignoreMissing } from '../storage/file-system.ts'
import { addressesOf, inviteText } from './invite.ts'
import {
  checkAccepted,
  decide,
  type OrganiseOptions,
  order,
  peerOf,
  printSaid,
} from './organise.ts'
import { printColumns, printJson, printLine } from './output.ts'

export interface InviteOptions extends OrganiseOptions {
  name: string
  /** How long newcomers may come by it, in milliseconds; Infinity: for ever. */
  expires: number
  members?: number
}

/** The largest of 32 bits. */
const EXPIRES_MAX = 2 ** 32 - 1
/** Rows of a terminal whose size is not known. */
const ROWS = 24

export async function invite(folder: string, options: InviteOptions): Promise<void> {
  const { name, expires, members = null, json } = options
  const run = await openRun(runFolder(folder))
  const hosted = await hostedLink(run.folder)
  const expiresAt = endOf(expires)
  const terms: InviteTerms = { name, expiresAt, membersMax: members }
  const result = await decide(run, { type: 'invited', terms })
  checkAccepted(result)
  const link = await linkOf(run, hosted, terms)
  const pageAddresses = parseLink(hosted)
    .addresses.map(pageAddress)
    .filter((page) => page !== null)
  const { page } = addressesOf({ link, pageAddresses }, '')
  if (json) return printJson({ ...result, ...terms, link, page })
  printSaid(result)
  printLine(inviteText(link, { page, admin: null }, process.stdout.rows ?? ROWS))
  if (expiresAt !== null) printLine(`Nobody new comes by it from ${timeOf(expiresAt)} on.`)
}

export async function listInvites(folder: string, { json }: OrganiseOptions): Promise<void> {
  const run = await openRun(runFolder(folder))
  const hosted = await readLink(run.folder)
  const rows = []
  for (const row of rowsOf(run.state)) {
    const isOpen = hosted !== null && !row.isRevoked
    rows.push({ ...row, link: isOpen ? await linkOf(run, hosted, row) : null })
  }
  if (json) return printJson(rows)
  if (rows.length === 0) return printLine('There are no invites.')
  printColumns([
    ['name', 'members', 'at most', 'banned', 'until'],
    ...rows.map(({ name, members, membersMax, banned, expiresAt, isRevoked }) => [
      name,
      String(members),
      membersMax === null ? '-' : String(membersMax),
      String(banned),
      isRevoked ? 'revoked' : expiresAt === null ? '-' : timeOf(expiresAt),
    ]),
  ])
  for (const { name, link } of rows) {
    if (link !== null) printLine(`\n${name}\n  ${link}`)
  }
}

/** Those who are members now by each invite, and those who came by it and are banned. */
function rowsOf({ invites, members, records }: CoordinatorState) {
  const here = [...members.values()]
  const banned = [...records.values()].filter((record) => record.banned !== null)
  return Array.from(invites, ([name, terms]) => ({
    name,
    ...terms,
    members: here.filter((member) => member.invite === name).length,
    banned: banned.filter((record) => record.invite === name).length,
  }))
}

export async function revokeInvite(
  folder: string,
  name: string,
  options: OrganiseOptions,
): Promise<void> {
  const run = await openRun(runFolder(folder))
  await order(run, { type: 'invite-revoked', name }, options)
}

export async function allow(folder: string, peer: string, options: OrganiseOptions): Promise<void> {
  const run = await openRun(runFolder(folder))
  await order(run, { type: 'allowed', peer: peerOf(run, peer) }, options)
}

/** The second since 1970; null: never. @throws ConfigError for an end that no invite can have */
function endOf(expires: number): number | null {
  if (expires === Number.POSITIVE_INFINITY) return null
  const seconds = Math.ceil((Date.now() + expires) / 1000)
  if (seconds <= EXPIRES_MAX) return seconds
  throw new ConfigError(
    `Cannot make an invite as '--expires' must end before ${timeOf(EXPIRES_MAX)}: say never`,
  )
}

/** The same each time: its token is what the coordinator signs of the terms. */
async function linkOf(
  { folder, runId }: OpenedRun,
  hosted: string,
  terms: InviteTerms,
): Promise<string> {
  const { name, expiresAt, membersMax } = terms
  const identity = await loadIdentity(folder.identity)
  const token = await writeInvite({ runId, identity }, { name, expiresAt, membersMax })
  return formatLink({ ...parseLink(hosted), token })
}

/** The link of the process that hosts the run, or did last; null: none has yet. */
async function readLink(folder: RunFolder): Promise<string | null> {
  return (await readFile(folder.link, 'utf8').catch(ignoreMissing))?.trim() || null
}

async function hostedLink(folder: RunFolder): Promise<string> {
  const link = await readLink(folder)
  if (link !== null) return link
  throw new ConfigError(
    `Cannot make an invite to the run in '${folder.root}' as nobody knows where it is: host it ` +
      'first, which says its addresses',
  )
}

/** A time to the minute, as 2026-11-29 10:40 UTC. */
function timeOf(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
