/**
 * Patience with those who come and go, and with those whose training comes to nothing. Each time
 * costs the journal an entry and brings the run nothing, and a program can do it without end. So
 * each time fills a bucket by one, which leaks; while it is full, the next one has to wait. An
 * identity has a bucket, which work that arrives empties; so has the place that identities come
 * new from, because whoever makes many keys has many buckets.
 * Source: Turner 1986, New Directions in Communications (the leaky bucket).
 */
import type { PeerId } from '../protocol/index.ts'
import type { RequestEvent } from './outcome.ts'
import type { Bucket, Buckets, CoordinatorState } from './state.ts'

interface Patience {
  /** So many in a row may come without a wait. */
  levelMax: number
  /** One is forgotten in this time. */
  leakMs: number
}

/** What an identity may do without work that arrives; a link that flaps comes less often. */
const PEER_PATIENCE: Patience = { levelMax: 20, leakMs: 60_000 }
/** Identities that come new from one place, which may be a school's only address. */
const ORIGIN_PATIENCE: Patience = { levelMax: 256, leakMs: 1_000 }

type Coming = Pick<RequestEvent, 'peer' | 'origin' | 'at'>

/** How long a peer has to wait before it comes (again) from this place; 0: not at all. */
export function waitToComeMs(
  { patience: { peers, origins } }: CoordinatorState,
  { peer, origin, at }: Coming,
): number {
  const own = waitMs(peers, peer, PEER_PATIENCE, at)
  if (origin === undefined || peers.has(peer)) return own
  return Math.max(own, waitMs(origins, origin, ORIGIN_PATIENCE, at))
}

export function noteComing(
  { patience: { peers, origins } }: CoordinatorState,
  { peer, origin, at }: Coming,
): void {
  if (origin !== undefined && !peers.has(peer)) fill(origins, origin, ORIGIN_PATIENCE, at)
  fill(peers, peer, PEER_PATIENCE, at)
}

/** How long a peer has to wait for its next lease; 0: not at all. */
export function waitToWorkMs(state: CoordinatorState, peer: PeerId, at: number): number {
  return waitMs(state.patience.peers, peer, PEER_PATIENCE, at)
}

export function noteFailure(state: CoordinatorState, peer: PeerId, at: number): void {
  fill(state.patience.peers, peer, PEER_PATIENCE, at)
}

/** Work of its own arrived. */
export function forgive(state: CoordinatorState, peer: PeerId): void {
  state.patience.peers.delete(peer)
}

function levelAt({ level, at }: Bucket, { leakMs }: Patience, now: number): number {
  return Math.max(0, level - (now - at) / leakMs)
}

function waitMs(buckets: Buckets, key: string, patience: Patience, now: number): number {
  const bucket = buckets.get(key)
  if (bucket === undefined) return 0
  const { levelMax, leakMs } = patience
  return Math.max(0, Math.ceil((levelAt(bucket, patience, now) + 1 - levelMax) * leakMs))
}

/** Buckets stand in the order in which they were last filled, and those that are empty go. */
function fill(buckets: Buckets, key: string, patience: Patience, now: number): void {
  const before = buckets.get(key)
  buckets.delete(key)
  buckets.set(key, { level: 1 + (before ? levelAt(before, patience, now) : 0), at: now })
  for (const [other, bucket] of buckets) {
    if (levelAt(bucket, patience, now) > 0) return
    buckets.delete(other)
  }
}
