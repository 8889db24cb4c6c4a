/**
 * Work that counts once somebody else got the same: a newcomer's among strangers, that of whoever
 * erred, and that of a merge which was not published.
 */
import type { LeaseId } from '../protocol/index.ts'
import type { CoordinatorEffect } from './effect.ts'
import { expectMore, leaveOutstanding } from './lease.ts'
import { notify } from './outcome.ts'
import { isOnTrial } from './record.ts'
import { memberHere } from './roster.ts'
import type { CoordinatorState, HeldLease } from './state.ts'
import { addTrials } from './tally.ts'

/** Its work was found right: it counts as soon as its payload is here. */
export function endTrial(state: CoordinatorState, leaseId: LeaseId): CoordinatorEffect[] {
  const held = state.leases.get(leaseId)
  if (held === undefined) return []
  const { peer } = held
  if (held.isOnTrial) addTrials(state.derived.tally, peer, -1)
  held.isOnTrial = false
  held.isVerified = true
  const counted = held.stage === 'stored' ? countIn(state, held) : []
  const member = memberHere(state, peer)
  const mayWait = member?.leaseId === null && isOnTrial(state, peer)
  return mayWait ? [...counted, notify(peer, { type: 'work' })] : counted
}

/** The payload is part of the round no more, until it was found right. */
export function putOnTrial(state: CoordinatorState, held: HeldLease): void {
  held.stage = 'stored'
  held.isOnTrial = true
  held.wasCounted = true
  addTrials(state.derived.tally, held.peer, 1)
  state.round.uploaded -= held.steps
  leaveOutstanding(state, held, -held.steps)
}

/** The payload is part of the round. */
export function countIn(state: CoordinatorState, held: HeldLease): CoordinatorEffect[] {
  const { leaseId, peer, commitment, steps } = held
  held.stage = 'uploaded'
  leaveOutstanding(state, held, steps)
  state.round.uploaded += steps
  expectMore(state)
  return [notify(peer, { type: 'counted', leaseId, tokens: commitment!.tokens })]
}
