/**
 * Who is given up. Absence is no fault: a member that stays away loses its lease and its place, and
 * may join again. A strike is what no honest peer earns (a forged signature, a payload that is not
 * what was committed); some are forgiven, because memory and disks fail too (Kondo et al. 2007 saw
 * one in three hosts return a corrupt result at least once).
 */

import { log, type PeerId, reasonOf } from '../protocol/index.ts'
import { freeAuditsOf } from './audits.ts'
import { peekDeadline } from './deadlines.ts'
import type { CoordinatorEffect } from './effect.ts'
import { revoke } from './lease.ts'
import { recordOf } from './record.ts'
import { dropMember } from './roster.ts'
import { freePieceOf } from './score-pieces.ts'
import type { CoordinatorState, Member } from './state.ts'

/** A peer with this many strikes is banned. */
export const STRIKES_MAX = 3

/** Why a peer may not take part; null: it may. */
export function banOf(state: CoordinatorState, peer: PeerId): string | null {
  return state.records.get(peer)?.banned ?? null
}

export function strike(state: CoordinatorState, peer: PeerId, reason: string): CoordinatorEffect[] {
  const record = recordOf(state, peer)
  record.strikes += 1
  const text = `strike ${record.strikes} of ${STRIKES_MAX} against ${peer}: ${reason}`
  const effects: CoordinatorEffect[] = [log('warn', text)]
  if (record.strikes < STRIKES_MAX || record.banned !== null) return effects
  record.banned = `after ${STRIKES_MAX} strikes`
  return [...effects, ...shutOut(state, peer, reason)]
}

/** It may not come back: what it does cannot be believed. */
export function ban(state: CoordinatorState, peer: PeerId, reason: string): CoordinatorEffect[] {
  const record = recordOf(state, peer)
  if (record.banned !== null) return []
  record.banned = reason
  return shutOut(state, peer, reason)
}

/** One that is banned loses its place, what it holds unfinished, and its connection. */
export function shutOut(
  state: CoordinatorState,
  peer: PeerId,
  reason: string,
): CoordinatorEffect[] {
  const member = state.members.get(peer)
  return [
    ...(member === undefined ? [] : removeMember(state, member, 'its holder is banned')),
    { type: 'disconnect', peer, reason: reasonOf(`banned: ${reason}`) },
  ]
}

/** When the next absent member is given up. */
export function nextAbsenceDeadline(state: CoordinatorState): { at: number; key: PeerId } | null {
  return peekDeadline(
    state.derived.memberDeadlines,
    ({ at, key }) => state.members.get(key)?.awayUntil === at,
  )
}

export function giveUpAbsent(state: CoordinatorState, now: number): CoordinatorEffect[] {
  const effects: CoordinatorEffect[] = []
  for (;;) {
    const deadline = nextAbsenceDeadline(state)
    if (deadline === null || deadline.at > now) return effects
    const member = state.members.get(deadline.key)!
    effects.push(log('info', `${member.name} stayed away and is given up`))
    effects.push(...removeMember(state, member, 'its holder stayed away'))
  }
}

/** Forgets a member; what it holds unfinished is owed again. */
export function removeMember(
  state: CoordinatorState,
  member: Member,
  reason: string,
): CoordinatorEffect[] {
  dropMember(state, member)
  freeAuditsOf(state, member)
  freePieceOf(state, member)
  const unfinished =
    member.leaseId === null ? member.committed : [...member.committed, member.leaseId]
  return unfinished.flatMap((leaseId) => revoke(state, state.leases.get(leaseId)!, reason))
}
