/**
 * The stream of changes, as a program reads it: server-sent events over fetch, from wherever the
 * last one ended.
 * Source: WHATWG, HTML, §9.2 (server-sent events), as far as our own server uses it.
 */
import { ProtocolError } from '../../protocol/index.ts'
import { piecesOf } from '../stream-pieces.ts'
import { applyChanges, type Changes, emptyTables, type Tables } from './rows.ts'

/** One event is all there is of a run, at most: some hundred bytes a row. */
const EVENT_LENGTH_MAX = 64 * 1024 * 1024

export interface Followed {
  tables: Tables
  changes: Changes
}

/**
 * Follows the run at a page's address until the stream ends, from what `seen` says was seen, which
 * is kept up to date.
 * @param ask `fetch`, or another way to the page
 * @throws Error when nobody answers, ProtocolError when what answers is no coordinator of ours
 */
export async function* followRun(
  page: string,
  seen: { id: string; tables: Tables },
  signal: AbortSignal,
  ask: (url: URL, init: RequestInit) => Promise<Response> = fetch,
): AsyncGenerator<Followed> {
  const headers = seen.id === '' ? {} : { 'Last-Event-ID': seen.id }
  const response = await ask(new URL('events', page), { headers, signal })
  const type = response.headers.get('Content-Type') ?? ''
  if (!response.ok || response.body === null || !type.startsWith('text/event-stream')) {
    throw new Error(`what answers there shows no run: ${response.status} ${type}`)
  }
  let text = ''
  const decoder = new TextDecoder()
  for await (const piece of piecesOf(response.body)) {
    text += decoder.decode(piece, { stream: true })
    if (text.length > EVENT_LENGTH_MAX) throw new Error(`${page} sends an event without an end`)
    const events = text.split('\n\n')
    text = events.pop()!
    for (const event of events) {
      const changes = dataOf(event, 'data')
      if (changes === '') continue
      const parsed = applied(seen.tables, changes, page)
      seen.id = dataOf(event, 'id')
      yield { tables: seen.tables, changes: parsed }
    }
  }
}

/** @throws ProtocolError when they are no changes of rows */
function applied(tables: Tables, text: string, page: string): Changes {
  try {
    const changes = JSON.parse(text) as Changes
    applyChanges(tables, changes)
    return changes
  } catch (error) {
    const reason = (error as Error).message
    throw new ProtocolError('malformed', `Cannot follow ${page} as it shows no run: ${reason}`)
  }
}

export const nothingSeen = () => ({ id: '', tables: emptyTables() })

function dataOf(event: string, field: 'id' | 'data'): string {
  const lines = event.split('\n').filter((line) => line.startsWith(`${field}:`))
  return lines.map((line) => line.slice(field.length + 1).replace(/^ /, '')).join('\n')
}
