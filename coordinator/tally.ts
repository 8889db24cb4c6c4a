/**
 * What the leases of a round add up to, kept with every change so that no decision has to look at
 * all of them: batches and trials by holder, batches of newcomers, and the payloads that were
 * committed to. It follows from the leases.
 */
import type { BlobReference, Digest, PeerId } from '../protocol/index.ts'

export interface Tally {
  batches: Map<PeerId, number>
  /** Batches of those who were not proven when they got them. */
  newcomers: number
  /** The leases that a payload was committed to for. */
  payloads: Map<Digest, Set<Counted>>
  /** Leases of each that are committed and on trial. */
  trials: Map<PeerId, number>
}

/** What of a lease is counted. */
export interface Counted {
  readonly peer: PeerId
  readonly isNewcomers: boolean
  readonly firstBatch: number
  steps: number
  commitment: { payload: BlobReference } | null
  isOnTrial: boolean
}

export function tallyOf(leases: Iterable<Counted>): Tally {
  const tally: Tally = { batches: new Map(), newcomers: 0, payloads: new Map(), trials: new Map() }
  for (const lease of leases) {
    addBatches(tally, lease, lease.steps)
    addPayload(tally, lease)
    if (isTried(lease)) addTrials(tally, lease.peer, 1)
  }
  return tally
}

/** Nothing, unless the lease is committed. */
export function addPayload({ payloads }: Tally, lease: Counted): void {
  if (lease.commitment === null) return
  const { digest } = lease.commitment.payload
  const leases = payloads.get(digest) ?? new Set()
  payloads.set(digest, leases.add(lease))
}

export function removePayload({ payloads }: Tally, lease: Counted): void {
  if (lease.commitment === null) return
  const { digest } = lease.commitment.payload
  const leases = payloads.get(digest)
  leases?.delete(lease)
  if (leases?.size === 0) payloads.delete(digest)
}

/** It is committed to, and waits to be found right. */
export const isTried = ({ isOnTrial, commitment }: Omit<Counted, 'steps'>): boolean =>
  isOnTrial && commitment !== null

export const addTrials = ({ trials }: Tally, peer: PeerId, count: number): void =>
  add(trials, peer, count)

export const trialsOf = ({ trials }: Pick<Tally, 'trials'>, peer: PeerId): number =>
  trials.get(peer) ?? 0

/** @param count below 0: the lease has so many fewer */
export function addBatches(
  tally: Tally,
  { peer, isNewcomers }: Pick<Counted, 'peer' | 'isNewcomers'>,
  count: number,
): void {
  add(tally.batches, peer, count)
  if (isNewcomers) tally.newcomers += count
}

function add(counts: Map<PeerId, number>, peer: PeerId, count: number): void {
  const sum = (counts.get(peer) ?? 0) + count
  if (sum === 0) counts.delete(peer)
  else counts.set(peer, sum)
}

export function batchesOf({ batches }: Pick<Tally, 'batches'>, peer: PeerId): number {
  return batches.get(peer) ?? 0
}
