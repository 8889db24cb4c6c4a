/** The run as this page knows it: the rows that the coordinator sends, and how the line is. */
import { signal } from '@preact/signals'
import type { Ban, BanAnswer } from '../../dashboard/ban.ts'
import type { ShownInvitation } from '../../dashboard/invitation.ts'
import { followRun } from '../../history/events.ts'
import { emptyTables } from '../../history/rows.ts'
import { areWordsKept, ask, isRelayed, leadsNowhere, words } from './door.ts'
import { isWordOf } from './kept-run.ts'
import { checkVersion } from './page-version.ts'

export const tables = emptyTables()
/** Grows with each change, so that views that read it draw anew. */
export const version = signal(0)
export const line = signal<'connecting' | 'live' | 'broken' | 'unnamed'>('connecting')
/** How this run is joined; null until it is here. */
export const invitation = signal<ShownInvitation | null>(null)

/** The word with which whoever may join opened this page; null: somebody else did. */
export function joinWord(): string | null {
  return isOtherRun() ? null : words.get('join')
}

/** This browser keeps the link of another run than the one that is here. */
export function isOtherRun(): boolean {
  const word = words.get('join')
  const runId = tables.run?.runId ?? null
  return areWordsKept && word !== null && runId !== null && !isWordOf(word, runId)
}

/** What the link to join has after its #, for whoever was given it or may see it. */
export function ownWord(): string | null {
  return joinWord() ?? invitation.value?.link?.split('#')[1] ?? null
}

const RETRY_MS = 2_000

/** Follows the run; after a break it asks for what it has missed. */
export async function follow(): Promise<never> {
  const { signal: never } = new AbortController()
  const seen = { id: '', tables }
  for (;;) {
    try {
      await checkVersion(tables.run === null).catch(unlessRelayed)
      for await (const _ of followRun(location.href, seen, never, ask)) {
        if (line.value !== 'live') void readInvitation()
        line.value = 'live'
        version.value += 1
      }
    } catch {
      // The line above the run tells that it is broken.
    }
    if (line.value !== 'unnamed') line.value = 'broken'
    if (tables.run === null && (await leadsNowhere())) line.value = 'unnamed'
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

/** A run behind a relay may be reached by another way than the page was. */
function unlessRelayed(error: Error): void {
  if (!isRelayed) throw error
}

const admin = words.get('admin')

/** The organiser decides about a volunteer: what the run says of it. */
export async function order(what: Ban): Promise<string> {
  const headers = { Authorization: `Bearer ${admin}`, 'Content-Type': 'application/json' }
  const body = JSON.stringify(what)
  const answer = await ask('order', { method: 'POST', headers, body }).catch(() => null)
  if (answer === null) return 'The coordinator does not answer: nothing was decided.'
  if (!answer.ok) return await answer.text()
  const { said } = (await answer.json()) as BanAnswer
  return said.join('; ')
}

/** The word after `#admin=` shows the link to whoever holds it. */
async function readInvitation(): Promise<void> {
  const headers = admin === null ? {} : { Authorization: `Bearer ${admin}` }
  const answer = await ask('invitation', { headers }).catch(() => null)
  if (answer?.ok) invitation.value = await answer.json().catch(() => null)
}
