/**
 * Whom the organiser lets in: those with an invite, whose terms are kept here by its name, and
 * those who are on the list where there is one. Which invite somebody came by is remembered: its
 * places are counted, and those who came by one are kept from judging each other (`auditors.ts`).
 */
import { INVITES_MAX, log, MEMBERS_MAX, type PeerId } from '../protocol/index.ts'
import type { CoordinatorEventOf } from './event.ts'
import { changed, type Outcome, type Refused, type RequestEvent, unchanged } from './outcome.ts'
import { recordOf } from './record.ts'
import { othersOf } from './roster.ts'
import type { CoordinatorState } from './state.ts'

export function onInvited(
  { invites }: CoordinatorState,
  { terms: { name, expiresAt, membersMax } }: CoordinatorEventOf<'invited'>,
): Outcome {
  if (invites.has(name))
    return unchanged(log('warn', `there is an invite '${name}' already: its link is in the list`))
  if (invites.size >= INVITES_MAX) {
    return unchanged(log('warn', `a run has ${INVITES_MAX} invites at most`))
  }
  invites.set(name, { expiresAt, membersMax, isRevoked: false })
  const places = membersMax === null ? '' : `, for ${membersMax} at a time`
  return changed(log('info', `there is an invite '${name}'${places}`))
}

export function onInviteRevoked(
  { invites }: CoordinatorState,
  { name }: CoordinatorEventOf<'invite-revoked'>,
): Outcome {
  const invite = invites.get(name)
  if (invite === undefined) return unchanged(log('warn', `there is no invite '${name}'`))
  if (invite.isRevoked) return unchanged(log('warn', `the invite '${name}' is revoked already`))
  invite.isRevoked = true
  return changed(log('info', `nobody comes by the invite '${name}' any more`))
}

export function onAllowed(
  { allowed }: CoordinatorState,
  { peer }: CoordinatorEventOf<'allowed'>,
): Outcome {
  if (allowed === null) {
    return unchanged(log('warn', 'this run has no list of those who may take part: all may'))
  }
  if (allowed.has(peer)) return unchanged(log('warn', `${peer} is on the list already`))
  if (allowed.size >= MEMBERS_MAX) {
    return unchanged(log('warn', `a list has ${MEMBERS_MAX} peers at most`))
  }
  allowed.add(peer)
  return changed(log('info', `${peer} may take part`))
}

/** Why a peer is not let in by what it brings; null: it is. */
export function admissionRefusal(
  { config, invites, records, allowed }: CoordinatorState,
  { peer, invite }: RequestEvent,
): Refused | null {
  if (invite === undefined && config.admission.kind === 'invites') {
    return ['bad-token', 'this run takes those who have an invite: ask the organiser for one']
  }
  if (invite !== undefined) {
    const { name, isExpired } = invite
    const known = invites.get(name)
    if (known === undefined) return ['bad-token', `this run knows of no invite '${name}'`]
    if (known.isRevoked) return ['bad-token', `the invite '${name}' was revoked`]
    // Whoever came in time may come back.
    if (isExpired && records.get(peer)?.invite !== name) {
      return ['bad-token', `the invite '${name}' has expired: ask the organiser for another`]
    }
  }
  if (allowed !== null && !allowed.has(peer)) {
    return ['not-allowed', `tell the organiser who you are, who may then allow it: ${peer}`]
  }
  return null
}

/** Whether the places of its invite are taken. Whoever is banned keeps the one that it had. */
export function inviteFull(
  { invites, records, derived }: CoordinatorState,
  { peer, invite }: RequestEvent,
): Refused | null {
  const membersMax = invite === undefined ? null : invites.get(invite.name)!.membersMax
  if (invite === undefined || membersMax === null) return null
  const { name } = invite
  let taken = othersOf(derived.invites, name, peer)
  for (const record of records.values()) {
    if (record.invite === name && record.banned !== null) taken += 1
  }
  if (taken < membersMax) return null
  return ['run-full', `all ${membersMax} places of the invite '${name}' are taken`]
}

/** Remembers by which invite a peer came; null: without one. */
export function noteInvite(state: CoordinatorState, peer: PeerId, invite: string | null): void {
  if (invite !== null || state.records.has(peer)) recordOf(state, peer).invite = invite
}
