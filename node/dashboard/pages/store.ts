/** The run as this page knows it: the rows that the coordinator sends, and how the line is. */
import { signal } from '@preact/signals'
import type { Invitation } from '../routes.ts'
import { applyChanges, type Changes, emptyTables } from '../rows.ts'

export const tables = emptyTables()
/** Grows with each change, so that views that read it draw anew. */
export const version = signal(0)
export const line = signal<'connecting' | 'live' | 'broken'>('connecting')
/** How this run is joined; null until it is here. */
export const invitation = signal<Invitation | null>(null)

/** The words after the # of the address, such as `join=…`. */
const words = new URLSearchParams(location.hash.slice(1))
/** With which this page was opened by whoever may join; null: by somebody else. */
export const joinWord = words.get('join')

/** What the link to join has after its #, for whoever was given it or may see it. */
export function ownWord(): string | null {
  return joinWord ?? invitation.value?.link?.split('#')[1] ?? null
}

const RETRY_MS = 2_000

/** Follows the run; after a break it asks for what it has missed. */
export function follow(lastId = ''): void {
  const source = new EventSource(lastId === '' ? 'events' : `events?after=${lastId}`)
  let seen = lastId
  source.onopen = () => {
    line.value = 'live'
  }
  source.onmessage = ({ data, lastEventId }) => {
    seen = lastEventId
    applyChanges(tables, JSON.parse(data) as Changes)
    version.value += 1
  }
  source.onerror = () => {
    line.value = 'broken'
    // The browser comes back by itself, except where it was told off.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(seen), RETRY_MS)
  }
}

/** The word after `#admin=` shows the link to whoever holds it. */
export async function readInvitation(): Promise<void> {
  const admin = words.get('admin')
  const headers = admin === null ? {} : { Authorization: `Bearer ${admin}` }
  const answer = await fetch('invitation', { headers }).catch(() => null)
  if (answer?.ok) invitation.value = await answer.json()
}
