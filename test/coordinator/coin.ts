/** A coin for tests: its key, and draws that say what a test wants to hear. */
import { drawOf } from '../../coordinator/draws.ts'
import type { KnownRequest } from '../../coordinator/event.ts'
import { digestOf } from '../../protocol/digest.ts'

/** The key that draws once so many were published. */
export const coinKey = (published: number): Uint8Array => new Uint8Array(32).fill(7 + published)
export const startedAfter = (published: number) =>
  ({ type: 'started', coinKey: digestOf(coinKey(published)) }) as const
export const STARTED = startedAfter(0)

export function coinPublished(at: number, published: number) {
  const next = digestOf(coinKey(published + 1))
  return { type: 'coin-published', at, key: coinKey(published), next } as const
}

/** What a coordinator's shell adds to a request. */
export function drawFor(request: KnownRequest): { draw?: string } {
  if (request.type !== 'commit') return {}
  return { draw: drawOf(coinKey(0), request.contribution.leaseId) }
}

/** A request as a shell tells of it. */
export function requestEvent(at: number, peer: string, request: KnownRequest) {
  return {
    type: 'request',
    at,
    peer,
    requestId: 0,
    request,
    genuine: true,
    ...drawFor(request),
  } as const
}

const COINS = { full: '0fff', look: 'f0ff', canary: '0ff0', quarter: '3fff', none: 'ffff' } as const
export type Drawn = keyof typeof COINS

/** A draw that comes out as said; what else is drawn follows from the lease. */
export function drawn(what: Drawn, leaseId: number): string {
  const coins = Array.from(COINS[what], (digit) => digit.repeat(13)).join('')
  return coins + leaseId.toString(16).padStart(12, '0')
}
