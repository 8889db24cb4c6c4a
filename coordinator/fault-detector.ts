/**
 * Who is given up. Absence is no fault: a member that stays away loses its lease and its place, and
 * may join again. A strike is what no honest peer earns (a forged signature, a payload that is not
 * what was committed); some are forgiven, because memory and disks fail too (Kondo et al. 2007 saw
 * one in three hosts return a corrupt result at least once).
 */
import type { PeerId } from '../protocol/messages.ts'
import { peekDeadline } from './deadlines.ts'
import type { CoordinatorEffect } from './effect.ts'
import { revoke } from './lease.ts'
import { log } from './outcome.ts'
import { dropMember, recordOf } from './roster.ts'
import type { CoordinatorState, Member } from './state.ts'

/** A peer with this many strikes is banned. */
export const STRIKES_MAX = 3

export function isBanned(state: CoordinatorState, peer: PeerId): boolean {
  return (state.records.get(peer)?.strikes ?? 0) >= STRIKES_MAX
}

export function strike(state: CoordinatorState, peer: PeerId, reason: string): CoordinatorEffect[] {
  const record = recordOf(state, peer)
  record.strikes += 1
  const text = `strike ${record.strikes} of ${STRIKES_MAX} against ${peer}: ${reason}`
  const effects: CoordinatorEffect[] = [log('warn', text)]
  if (record.strikes < STRIKES_MAX) return effects
  const member = state.members.get(peer)
  if (member !== undefined) effects.push(...removeMember(state, member, 'its holder is banned'))
  effects.push({ type: 'disconnect', peer, reason: `banned: ${reason}` })
  return effects
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
  const unfinished =
    member.leaseId === null ? member.committed : [...member.committed, member.leaseId]
  return unfinished.flatMap((leaseId) => revoke(state, state.leases.get(leaseId)!, reason))
}
