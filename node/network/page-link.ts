/**
 * The link as people are sent it: the address of a page with `#join=run.token`. Who coordinates
 * there is asked of the page itself, as a tab does.
 */
import { ConfigError, type PeerId, REQUEST_TIMEOUT_MS } from '../../protocol/index.ts'
import { AT, type Invite, parseFragment, parseLink, swarmAddress } from './link.ts'
import { relayedAddress } from './relay-places.ts'
import { unreachable } from './unreachable.ts'

/** `{"coordinator": "12D3KooW…", …}` */
const INVITATION_BYTES_MAX = 64 * 1024

/** @throws ConfigError that says what to do; UnreachableError when nobody answers there */
export async function findInvite(text: string): Promise<Invite> {
  const link = text.trim()
  if (!/^https?:/i.test(link)) return parseLink(link)
  const page = URL.canParse(link) ? new URL(link) : refuse('it is no address')
  const words = new URLSearchParams(page.hash.slice(1))
  const joinWord = words.get('join')
  if (joinWord === null) {
    refuse(words.has('admin') ? "it is the organiser's own" : 'it lacks what follows #join=')
  }
  const at = words.get(AT)
  const address =
    at === null
      ? swarmAddress(page, await coordinatorAt(page))
      : relayedAddress(swarmAddress(page, await relayAt(page)), at)
  return { ...parseLink(address), ...parseFragment(joinWord) }
}

/** Where a relay's page finds out whose address it has. */
export const RELAY_PATH = 'relay'

/**
 * The peer id that a relay says it has.
 * @throws ConfigError when it is no page of a relay; UnreachableError when nobody answers there
 */
async function relayAt(page: URL): Promise<PeerId> {
  const timeoutMs = REQUEST_TIMEOUT_MS
  return peerAt(page, { path: RELAY_PATH, field: 'relay', what: 'relay', timeoutMs })
}

/**
 * The peer id that a page's coordinator says it has.
 * @throws ConfigError when it is no page of a run; UnreachableError when nobody answers there
 */
export async function coordinatorAt(
  page: URL,
  timeoutMs: number = REQUEST_TIMEOUT_MS,
): Promise<PeerId> {
  return peerAt(page, { path: 'invitation', field: 'coordinator', what: 'run', timeoutMs })
}

const LOGIN = ' (nor does a network that wants a login first)'

/** Where it is asked, which field of the answer has the peer id, and whose it is. */
interface Asked {
  path: string
  field: string
  what: string
  timeoutMs: number
}

async function peerAt(page: URL, { path, field, what, timeoutMs }: Asked): Promise<PeerId> {
  const { ok, text } = await ask(new URL(path, page.origin + page.pathname), timeoutMs)
  try {
    const peer = (JSON.parse(text) as Record<string, unknown>)[field]
    if (ok && typeof peer === 'string') return peer
  } catch {
    refuse(`${page.origin} does not answer as a ${what} does${LOGIN}`)
  }
  return refuse(`${page.origin} shows no ${what}`)
}

async function ask(url: URL, timeoutMs: number): Promise<{ ok: boolean; text: string }> {
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const answer = await fetch(url, { signal, redirect: 'error' })
    return { ok: answer.ok, text: await textOf(answer, url.origin) }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw unreachable([url.origin], error)
  }
}

/** @throws ConfigError for more than an invitation has: whoever sends that is no run */
async function textOf({ body }: Response, origin: string): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const piece of body ?? []) {
    bytes += piece.length
    if (bytes > INVITATION_BYTES_MAX) refuse(`${origin} does not answer as a run does`)
    text += decoder.decode(piece, { stream: true })
  }
  return text + decoder.decode()
}

function refuse(why: string): never {
  throw new ConfigError(
    `Cannot use this link as ${why}. Copy it whole from the organiser; ` +
      'it looks like http://…/#join=run.token or barnraise:/ip4/…#run.token',
  )
}
