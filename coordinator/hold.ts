/**
 * What may be lost when somebody takes work and returns nothing. One machine can be fifty
 * identities, so those of one place that have yet to deliver count as one: together they hold no
 * more than `holdShare` of the round. And whoever did deliver may be gone with its next lease: that
 * one is no larger than the same share, or than an equal one where fewer are here, whatever speed
 * it claims. A lease of the least steps is always allowed.
 */
import type { PeerId } from '../protocol/index.ts'
import { hasDelivered } from './record.ts'
import type { CoordinatorState, Member } from './state.ts'

/** Batches that the next lease of this member may have; 0: its place has to deliver first. */
export function holdLeft(state: CoordinatorState, { peer, origin }: Member): number {
  const { budget } = state.round
  const { holdShare, stepsMin } = state.config.round
  const most = Math.max(stepsMin, Math.floor(holdShare * budget))
  const { here, places } = state.derived
  if (hasDelivered(state, peer)) return Math.max(most, Math.ceil(budget / here.length))
  if (origin === null) return most
  let held = 0
  for (const near of places.get(origin) ?? []) {
    if (!hasDelivered(state, near)) held += heldBy(state, near)
  }
  return Math.max(0, most - held)
}

/** Batches whose payload has yet to come. */
function heldBy({ members, leases }: CoordinatorState, peer: PeerId): number {
  const { leaseId, committed } = members.get(peer)!
  const owed = leaseId === null ? committed : [...committed, leaseId]
  return owed.reduce((sum, id) => sum + leases.get(id)!.steps, 0)
}
