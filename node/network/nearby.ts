/**
 * Runs on this network: a host tells by multicast DNS where its page is and what it trains, and
 * whoever asks hears it. Nothing here lets anybody in, and anybody may answer anything: what is
 * heard is shown to a user, who chooses, and has the organiser's link.
 *
 * Source: RFC 6762 (multicast DNS), RFC 6763 (service discovery)
 */
import makeMdns, { type MulticastDNS } from 'multicast-dns'
import { NAME_LENGTH_MAX } from '../../protocol/index.ts'
import { PEER_ID } from './peer-id.ts'

export interface NearbyRun {
  /** The address of its page. */
  page: string
  name: string
  /** What it trains. */
  base: string
  /** The peer id that its organiser's link names; empty where none is told. */
  organiser: string
}

const SERVICE = '_barnraise._tcp.local'
const TTL_SECONDS = 120
const FIND_MS = 3_000
/** A question to all is one packet, which may get lost. */
const ASK_AGAIN_MS = 1_000
const RUNS_MAX = 32
const PAGE_LENGTH_MAX = 200

export function tellNearby(
  { page, name, base, organiser }: NearbyRun,
  bus: MulticastDNS = makeMdns(),
): { stop(): void } {
  // Labels of DNS have at most 63 bytes.
  const own = `${organiser.slice(-32)}.${SERVICE}`
  const about = [`name=${name}`, `base=${base}`]
  bus.on('query', ({ questions = [] }) => {
    if (!questions.some((question) => question.name === SERVICE)) return
    const ttl = TTL_SECONDS
    bus.respond({
      answers: [{ name: SERVICE, type: 'PTR', ttl, data: own }],
      additionals: [
        { name: own, type: 'TXT', ttl, data: [`page=${page}`, `organiser=${organiser}`, ...about] },
      ],
    })
  })
  // A network that is gone is nobody's fault, and the run goes on.
  bus.on('error', () => {})
  return { stop: () => bus.destroy() }
}

/** The runs that answer, in the order in which they were heard. */
export async function findNearby(
  bus: MulticastDNS = makeMdns(),
  findMs = FIND_MS,
): Promise<NearbyRun[]> {
  const found = new Map<string, NearbyRun>()
  bus.on('response', ({ answers = [], additionals = [] }) => {
    for (const record of [...answers, ...additionals]) {
      if (record.type !== 'TXT' || !record.name.endsWith(`.${SERVICE}`)) continue
      const run = runIn(record.data)
      if (run !== null && found.size < RUNS_MAX) found.set(run.page, run)
    }
  })
  bus.on('error', () => {})
  const ask = () => bus.query({ questions: [{ name: SERVICE, type: 'PTR' }] })
  ask()
  const timer = setInterval(ask, ASK_AGAIN_MS)
  await new Promise((resolve) => setTimeout(resolve, findMs))
  clearInterval(timer)
  bus.destroy()
  return [...found.values()]
}

/** What a stranger's record says, as far as it is one of ours; else null. */
export function runIn(data: unknown): NearbyRun | null {
  const parts = (Array.isArray(data) ? data : [data]).map(String)
  const fieldOf = (name: string) => {
    const part = parts.find((one) => one.startsWith(`${name}=`))
    return part === undefined ? '' : part.slice(name.length + 1)
  }
  const page = fieldOf('page')
  const isPage = /^https?:\/\//.test(page) && page.length <= PAGE_LENGTH_MAX && URL.canParse(page)
  if (!isPage) return null
  const { origin } = new URL(page)
  const text = (name: string) => fieldOf(name).slice(0, NAME_LENGTH_MAX)
  const organiser = PEER_ID.exec(fieldOf('organiser'))?.[0] ?? ''
  return { page: `${origin}/`, name: text('name'), base: text('base'), organiser }
}
