/**
 * Volunteers of one run on one network, who hear of each other by multicast DNS: who has the base,
 * who fetches it, and who wants it. The name that they speak under is a digest of run and base, so
 * it tells nothing to those who know neither.
 *
 * Source: RFC 6762 (multicast DNS); answers wait a moment, §6, and one answers all who asked.
 */
import type { MulticastDNS } from 'multicast-dns'
import { digestOf, encode } from '../../protocol/index.ts'
import { NEIGHBOURS_MAX } from './limits.ts'
import type { Secret } from './share.ts'

/** How a volunteer stands. */
export interface Standing {
  /**
   * How far it is from where the base comes from: 0 has it, 1 fetches it from afar, and whoever
   * takes it from another is one further. Nobody takes it from one as far as itself, so nobody
   * waits for whoever waits for it. Null: it gives nothing.
   */
  rank: number | null
  /** It looks for somebody who gives it. */
  isLooking: boolean
}

export interface Neighbour extends Standing {
  id: string
  /** The multiaddrs that it listens at. */
  addresses: string[]
}

export interface Neighbourhood {
  /** Says how this volunteer stands, now and to whoever asks. */
  tell(standing: Standing): void
  /** Asks all; what they answered to it is in `heard`. */
  ask(): void
  heard(): Neighbour[]
  leave(): void
}

const SERVICE = '_barnraise-base._udp.local'
const TTL_SECONDS = 10
const ANSWER_MS_MIN = 20
const ANSWER_MS_MAX = 120
export const RANK_MAX = 16
const ADDRESSES_MAX = 4
const ADDRESS_LENGTH_MAX = 100

/** @param own the id that it goes by, and where it listens */
export function enterNeighbourhood(
  { runId, base }: Secret,
  own: Pick<Neighbour, 'id' | 'addresses'>,
  bus: MulticastDNS,
): Neighbourhood {
  const tag = digestOf(encode({ purpose: 'barnraise neighbours 1', runId, base })).slice(0, 32)
  const name = `${tag}.${SERVICE}`
  const heard = new Map<string, Neighbour>()
  let standing: Standing = { rank: null, isLooking: false }
  let timer: ReturnType<typeof setTimeout> | null = null

  const say = () => {
    timer = null
    const data = [
      `rank=${standing.rank ?? ''}`,
      `looking=${standing.isLooking ? 1 : 0}`,
      ...own.addresses.slice(0, ADDRESSES_MAX).map((address) => `at=${address}`),
    ]
    const record = { name: `${own.id}.${name}`, type: 'TXT', ttl: TTL_SECONDS, data } as const
    bus.respond({ answers: [record] })
  }
  bus.on('query', ({ questions = [] }) => {
    const isAsked = questions.some((question) => question.name === name)
    if (!isAsked || timer !== null || (standing.rank === null && !standing.isLooking)) return
    const waitMs = ANSWER_MS_MIN + Math.random() * (ANSWER_MS_MAX - ANSWER_MS_MIN)
    timer = setTimeout(say, waitMs)
  })
  bus.on('response', ({ answers = [] }, { address: from }) => {
    for (const record of answers) {
      const id = record.name.slice(0, -name.length - 1)
      const isOurs = record.type === 'TXT' && record.name === `${id}.${name}`
      if (!isOurs || id === own.id || !/^[0-9a-f]{16}$/.test(id)) continue
      const isNew = !heard.has(id)
      if (isNew && heard.size >= NEIGHBOURS_MAX) continue
      const { addresses, ...standing } = neighbourIn(id, record.data)
      // A machine speaks of itself alone: nobody is led to others by it.
      heard.set(id, { ...standing, addresses: addresses.filter((one) => isAt(one, from)) })
    }
  })
  // A network that is gone is nobody's fault: the base comes from afar then.
  bus.on('error', () => {})

  return {
    tell: (now) => {
      standing = now
      say()
    },
    ask: () => {
      heard.clear()
      bus.query({ questions: [{ name, type: 'TXT' }] })
    },
    heard: () => [...heard.values()],
    leave: () => {
      if (timer !== null) clearTimeout(timer)
      bus.destroy()
    },
  }
}

const isAt = (multiaddr: string, ip: string): boolean => multiaddr.split('/')[2] === ip

/** What a stranger's record says, within its bounds. */
export function neighbourIn(id: string, data: unknown): Neighbour {
  const parts = (Array.isArray(data) ? data : [data]).map(String)
  const fields = (name: string) =>
    parts.filter((part) => part.startsWith(`${name}=`)).map((part) => part.slice(name.length + 1))
  const [rank = ''] = fields('rank')
  const isRank = /^\d{1,2}$/.test(rank) && Number(rank) <= RANK_MAX
  return {
    id,
    rank: isRank ? Number(rank) : null,
    isLooking: fields('looking')[0] === '1',
    addresses: fields('at')
      .filter((address) => address.length <= ADDRESS_LENGTH_MAX)
      .slice(0, ADDRESSES_MAX),
  }
}
