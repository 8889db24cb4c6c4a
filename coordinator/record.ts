/**
 * What is remembered of a peer for the whole run, and what follows from it: how much of its work is
 * done again. c counts what was repeated in full and found right, one after the other; the rate
 * falls as 1 / c among strangers and as 1 / (1 + c)² among friends, so that whoever stays right
 * pays little, and one error starts it anew. Whoever erred is a stranger until it is proven again,
 * and whose work is in dispute is one until that is settled.
 *
 * Source: Anderson et al., BOINC's adaptive replication (sched_send.cpp).
 */
import { type LeaseId, NO_CREDIT, type PeerId } from '../protocol/index.ts'
import { isSuspicious } from './merge-rule.ts'
import type { CoordinatorState, PeerRecord } from './state.ts'

/** A stranger with so many in a row is proven: its work counts at once. */
export const PROVEN_MIN = 10
/** Leases found right that are remembered one by one. */
export const VERIFIED_MAX = 64
/** Two errors within so many pieces of work are no accident. */
const WORKS_BETWEEN_ERRORS = 50

export function recordOf(state: CoordinatorState, peer: PeerId): PeerRecord {
  let record = state.records.get(peer)
  if (record === undefined) {
    record = {
      invite: null,
      credit: NO_CREDIT,
      hasDelivered: false,
      strikes: 0,
      banned: null,
      verifiedInARow: 0,
      verified: [],
      verifiedBefore: -1,
      works: 0,
      erredAt: null,
      contraryInARow: 0,
      auditedSteps: 0,
      partner: null,
    }
    state.records.set(peer, record)
  }
  return record
}

/** Whether what it held last was delivered; not for one that has held nothing yet. */
export function hasDelivered(state: CoordinatorState, peer: PeerId): boolean {
  return state.records.get(peer)?.hasDelivered ?? false
}

export function isProven(state: CoordinatorState, peer: PeerId): boolean {
  return (state.records.get(peer)?.verifiedInARow ?? 0) >= PROVEN_MIN
}

/** Its work counts only once it was repeated. */
export function isOnTrial(state: CoordinatorState, peer: PeerId): boolean {
  if (isWatched(state, peer) && !isProven(state, peer)) return true
  return isInDispute(state, peer) || isNewAmongLiars(state, peer)
}

/** Never found right, in a run in which somebody lies: keys that are thrown away come so. */
function isNewAmongLiars(state: CoordinatorState, peer: PeerId): boolean {
  if (state.config.audit.trust !== 'friends' || wasFoundRight(state, peer)) return false
  return state.round.wasRefused || isSuspicious(state)
}

export function wasFoundRight({ records }: CoordinatorState, peer: PeerId): boolean {
  return (records.get(peer)?.verifiedInARow ?? 0) > 0
}

/** Somebody got another result than it did, and the coordinator has yet to tell who erred. */
function isInDispute({ own, audits }: CoordinatorState, peer: PeerId): boolean {
  return own.queue.some((auditId) => {
    const audit = audits.get(auditId)!
    return audit.stage === 'disputed' && audit.peer === peer
  })
}

/** Everybody among strangers, and whoever erred among friends. */
function isWatched({ config, records }: CoordinatorState, peer: PeerId): boolean {
  const { trust } = config.audit
  if (trust !== 'friends') return trust === 'strangers'
  return (records.get(peer)?.erredAt ?? null) !== null
}

/** How likely its next piece of work is repeated in full. */
export function fullRateOf(state: CoordinatorState, peer: PeerId): number {
  const { fullShare } = state.config.audit
  const inARow = state.records.get(peer)?.verifiedInARow ?? 0
  if (isOnTrial(state, peer)) return 1
  return Math.max(
    fullShare,
    isWatched(state, peer) ? 1 / inARow : 1 / ((1 + inARow) * (1 + inARow)),
  )
}

/**
 * How likely it is repeated in full as it points against the others. Whoever was right so far may
 * have data that differs.
 */
export function contraryRateOf({ records }: CoordinatorState, peer: PeerId): number {
  const count = 1 + (records.get(peer)?.contraryInARow ?? 0)
  return 1 / (count * count)
}

/** Notes a lease that was repeated in full and found right. */
export function noteVerified(record: PeerRecord, leaseId: LeaseId): void {
  record.verifiedInARow += 1
  record.verified = [...record.verified, leaseId].sort((a, b) => a - b)
  if (record.verified.length <= VERIFIED_MAX) return
  const [oldest, ...later] = record.verified
  record.verified = later
  record.verifiedBefore = Math.max(record.verifiedBefore, oldest!)
}

/** The last of its leases before this one that was found right; audits may end in any order. */
export function verifiedBefore({ verified, ...record }: PeerRecord, leaseId: LeaseId): LeaseId {
  const known = verified.findLast((each) => each < leaseId)
  return known ?? Math.min(record.verifiedBefore, leaseId - 1)
}

/** Notes that it computed something else than others; true when that is no accident any more. */
export function noteError(record: PeerRecord): boolean {
  const isAgain = record.erredAt !== null && record.works - record.erredAt <= WORKS_BETWEEN_ERRORS
  record.verifiedInARow = 0
  record.contraryInARow = 0
  record.erredAt = record.works
  return isAgain
}
