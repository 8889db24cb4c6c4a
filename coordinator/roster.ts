/**
 * The members, and what is remembered of peers. All changes go through here, so that the pace of
 * those who are here is always known without counting them.
 */
import type { PeerId } from '../protocol/messages.ts'
import { type Pace, speedOf } from './lease-size.ts'
import type { CoordinatorState, Member, PeerRecord } from './state.ts'

/** The member behind a request; null when it has to join first. */
export function memberHere(state: CoordinatorState, peer: PeerId): Member | null {
  const member = state.members.get(peer)
  return member !== undefined && member.awayUntil === null ? member : null
}

export function addMember(state: CoordinatorState, peer: PeerId, name: string): void {
  const member: Member = {
    peer,
    name,
    awayUntil: null,
    stepMs: null,
    transferMs: null,
    leaseId: null,
    committed: [],
  }
  state.members.set(peer, member)
  addPace(state.derived.pace, member, 1)
}

export function changeMember(
  { derived }: CoordinatorState,
  member: Member,
  change: Partial<Pick<Member, 'awayUntil' | 'stepMs'>>,
): void {
  addPace(derived.pace, member, -1)
  Object.assign(member, change)
  addPace(derived.pace, member, 1)
}

export function dropMember(state: CoordinatorState, member: Member): void {
  addPace(state.derived.pace, member, -1)
  state.members.delete(member.peer)
}

/** Those who are away set no pace. */
export function addPace(pace: Pace, { awayUntil, stepMs }: Member, sign: 1 | -1): void {
  if (awayUntil !== null) return
  if (stepMs === null) pace.untimedCount += sign
  else pace.speed += sign * speedOf(stepMs)
}

/** The pace of all who are here but one. */
export function paceOfOthers(state: CoordinatorState, member: Member): Pace {
  const pace = { ...state.derived.pace }
  addPace(pace, member, -1)
  return pace
}

export function recordOf(state: CoordinatorState, peer: PeerId): PeerRecord {
  let record = state.records.get(peer)
  if (record === undefined) {
    record = { countedTokens: 0, contributions: 0, strikes: 0 }
    state.records.set(peer, record)
  }
  return record
}
