/**
 * The members, and what is remembered of peers. All changes go through here, so that the pace of
 * those who are here is always known without counting them.
 */
import type { PeerId } from '../protocol/index.ts'
import { type Pace, speedOf } from './lease-size.ts'
import { recordOf } from './record.ts'
import type { CoordinatorState, Derived, Groups, Member } from './state.ts'

/** The member behind a request; null when it has to join first. */
export function memberHere(state: CoordinatorState, peer: PeerId): Member | null {
  const member = state.members.get(peer)
  return member !== undefined && member.awayUntil === null ? member : null
}

export function addMember(
  state: CoordinatorState,
  peer: PeerId,
  { name, session, origin, block, invite }: Pick<Member, 'name' | 'session' | Belonging>,
): void {
  const member: Member = {
    peer,
    name,
    session,
    origin,
    block,
    invite,
    awayUntil: null,
    stepMs: null,
    paceMs: null,
    transferMs: null,
    leaseId: null,
    committed: [],
    audits: [],
    auditing: null,
    scoring: null,
    scoreTurn: 'after-lease',
  }
  state.members.set(peer, member)
  addPace(state.derived.pace, member, 1)
  addPeer(state.derived.here, peer)
  settle(state.derived, member)
}

export function changeMember(
  { derived }: CoordinatorState,
  member: Member,
  change: Partial<Pick<Member, 'awayUntil' | 'stepMs' | 'paceMs' | 'name' | 'session' | Belonging>>,
): void {
  const wasHere = member.awayUntil === null
  addPace(derived.pace, member, -1)
  unsettle(derived, member)
  Object.assign(member, change)
  settle(derived, member)
  addPace(derived.pace, member, 1)
  const isHere = member.awayUntil === null
  if (isHere && !wasHere) addPeer(derived.here, member.peer)
  if (wasHere && !isHere) removePeer(derived.here, member.peer)
}

/** Work of it has come, at a pace that its time bears out; made-up work has any pace. */
export function deliver(state: CoordinatorState, peer: PeerId, paceMs: number): void {
  const record = recordOf(state, peer)
  record.hasDelivered = true
  const isBelieved = record.verifiedInARow > 0 || state.config.audit.trust === 'everyone'
  const member = state.members.get(peer)
  if (member !== undefined && isBelieved) changeMember(state, member, { paceMs })
}

/** Nothing that it says of its pace is believed until it was found right again. */
export function doubtPace(state: CoordinatorState, peer: PeerId): void {
  const member = state.members.get(peer)
  if (member !== undefined) changeMember(state, member, { paceMs: null })
}

/** It let something lapse: nothing counts on it, nor on its pace, until it delivers again. */
export function failToDeliver(state: CoordinatorState, peer: PeerId): void {
  recordOf(state, peer).hasDelivered = false
  doubtPace(state, peer)
}

export function dropMember(state: CoordinatorState, member: Member): void {
  addPace(state.derived.pace, member, -1)
  if (member.awayUntil === null) removePeer(state.derived.here, member.peer)
  unsettle(state.derived, member)
  state.members.delete(member.peer)
}

/** Those who are here in the order of their ids, which does not depend on who came when. */
export function hereOf(members: Iterable<Member>): PeerId[] {
  return Array.from(members)
    .filter(({ awayUntil }) => awayUntil === null)
    .map(({ peer }) => peer)
    .sort(byText)
}

type Settled = Pick<Derived, 'places' | 'blocks' | 'invites'>
/** What members share with others. */
type Belonging = 'origin' | 'block' | 'invite'

export function settle(
  { places, blocks, invites }: Settled,
  { peer, origin, block, invite }: Member,
): void {
  enter(places, origin, peer)
  enter(blocks, block, peer)
  enter(invites, invite, peer)
}

function unsettle(
  { places, blocks, invites }: Settled,
  { peer, origin, block, invite }: Member,
): void {
  exit(places, origin, peer)
  exit(blocks, block, peer)
  exit(invites, invite, peer)
}

function enter(groups: Groups, key: string | null, peer: PeerId): void {
  if (key === null) return
  const peers = groups.get(key)
  if (peers === undefined) groups.set(key, new Set([peer]))
  else peers.add(peer)
}

function exit(groups: Groups, key: string | null, peer: PeerId): void {
  if (key === null) return
  const peers = groups.get(key)
  peers?.delete(peer)
  if (peers?.size === 0) groups.delete(key)
}

/** How many members of a group there are besides this one. */
export function othersOf(groups: Groups, key: string | null, peer: PeerId): number {
  const peers = key === null ? undefined : groups.get(key)
  return peers === undefined ? 0 : peers.size - Number(peers.has(peer))
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function addPeer(here: PeerId[], peer: PeerId): void {
  here.splice(placeOf(here, peer), 0, peer)
}

function removePeer(here: PeerId[], peer: PeerId): void {
  here.splice(placeOf(here, peer), 1)
}

function placeOf(here: readonly PeerId[], peer: PeerId): number {
  let low = 0
  let high = here.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (here[middle]! < peer) low = middle + 1
    else high = middle
  }
  return low
}

/** Those who are away set no pace. */
export function addPace(pace: Pace, { awayUntil, paceMs }: Member, sign: 1 | -1): void {
  if (awayUntil !== null) return
  if (paceMs === null) pace.untimedCount += sign
  else pace.speed += sign * speedOf(paceMs)
}

/** The pace of all who are here but one. */
export function paceOfOthers(state: CoordinatorState, member: Member): Pace {
  const pace = { ...state.derived.pace }
  addPace(pace, member, -1)
  return pace
}
