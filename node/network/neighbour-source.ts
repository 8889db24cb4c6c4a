/**
 * Others on this network as a source of the base. Of those who start together one fetches it from
 * afar, whoever has the least id of those who look, and the others take from it what it has got,
 * chunk by chunk, and hand that on. When nobody near gives it, this volunteer is that one.
 */
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { BLOB_CHUNK_BYTES } from '../../protocol/index.ts'
import type { BlobSource, OpenSource } from './blob-sources.ts'
import { withDeadline } from './deadline.ts'
import { asError, NetworkError } from './errors.ts'
import type { Host } from './host.ts'
import { PLACES, type Place, placeOfMultiaddr } from './near.ts'
import { type Neighbour, type Neighbourhood, RANK_MAX } from './neighbourhood.ts'
import { askShare, type Secret } from './share.ts'

/** What all answer within; a question is one packet, which may get lost, so it is asked twice. */
const LISTEN_MS = 500
const DIAL_MS = 3_000
/** Whoever says that it gives the base, or will fetch it, and does not, is believed so often. */
const LOOKS_MAX = 10

export interface NeighbourSource extends BlobSource {
  /** All of the base is here. */
  whole(): void
  /** Whether this one gives nothing for now, and is not counted on. */
  setPaused(isPaused: boolean): void
}

export interface NeighbourParts {
  id: string
  secret: Secret
  host: Host
  neighbourhood: Neighbourhood
  /** Where others may be at the nearest: none is dialled that is nearer. */
  nearest: Place
  isPaused: boolean
}

export function neighbourSource(parts: NeighbourParts): NeighbourSource {
  const { neighbourhood } = parts
  /** It never grows: whoever takes from this one relies on that. */
  let rank: number | null = null
  let isPaused = parts.isPaused
  let isLooking = false
  const stand = (looking: boolean) => {
    isLooking = looking
    neighbourhood.tell(isPaused ? { rank: null, isLooking: false } : { rank, isLooking })
  }
  const alone = () => {
    rank = Math.min(rank ?? 1, 1)
    stand(false)
  }

  /** Null: this is the one that fetches it from afar. */
  async function look(from: number, signal: AbortSignal): Promise<OpenSource | null> {
    for (let times = 0; times < LOOKS_MAX; times++) {
      const heard = await listen(neighbourhood, signal)
      const nearer = heard.filter((one) => one.rank !== null && one.rank < (rank ?? RANK_MAX))
      const inTurn = nearer
        .map((one) => ({ one, at: one.rank! + Math.random() }))
        .sort((a, b) => a.at - b.at)
      for (const { one } of inTurn) {
        const pieces = await take(parts, one, from, signal)
        if (pieces === null) continue
        rank = Math.min(rank ?? RANK_MAX, one.rank! + 1)
        stand(false)
        return { at: from, pieces }
      }
      const isFirst = heard.every((one) => !one.isLooking || parts.id < one.id)
      if (nearer.length === 0 && isFirst) return null
    }
    return null
  }

  return {
    name: 'this network',
    async open(_blob, from, signal) {
      stand(true)
      try {
        const opened = await look(from, signal)
        if (opened !== null) return opened
      } catch (error) {
        alone()
        throw error
      }
      alone()
      throw new NetworkError('unreachable', 'nobody on it gives the base')
    },
    whole: () => {
      rank = 0
      stand(false)
    },
    setPaused: (now) => {
      isPaused = now
      stand(isLooking)
    },
  }
}

async function listen(neighbourhood: Neighbourhood, signal: AbortSignal): Promise<Neighbour[]> {
  const heard = new Map<string, Neighbour>()
  for (let times = 0; times < 2; times++) {
    neighbourhood.ask()
    await sleep(LISTEN_MS, signal)
    for (const one of neighbourhood.heard()) heard.set(one.id, one)
  }
  return [...heard.values()]
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const woken = Promise.withResolvers<void>()
  const abort = () => woken.reject(signal.reason)
  const timer = setTimeout(woken.resolve, ms)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await woken.promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}

/** Null: it gives nothing. */
async function take(
  { host, secret, nearest }: NeighbourParts,
  { addresses }: Neighbour,
  from: number,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array> | null> {
  let connection: Connection | null = null
  try {
    const targets = addresses.filter((one) => isNear(one, nearest)).map((one) => multiaddr(one))
    if (targets.length === 0) return null
    connection = await withDeadline(DIAL_MS, signal, (deadline) =>
      host.dial(targets, { signal: deadline }),
    )
    const fromChunk = from / BLOB_CHUNK_BYTES
    const me = host.peerId.toString()
    return closing(connection, await askShare(connection, me, { secret, fromChunk, signal }))
  } catch (error) {
    connection?.abort(asError(error))
    signal.throwIfAborted()
    return null
  }
}

/** What anybody says on a network leads no further than that network. */
function isNear(address: string, nearest: Place): boolean {
  const place = placeOfMultiaddr(address)
  const isAllowed = PLACES.indexOf(place) >= PLACES.indexOf(nearest) && place !== 'world'
  return isAllowed && /^\/ip[46]\/[\da-f.:]+\/tcp\/\d{1,5}$/.test(address)
}

/** The chunks, and the end of the connection with them. */
async function* closing(
  connection: Connection,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } finally {
    await connection.close().catch(() => {})
  }
}
