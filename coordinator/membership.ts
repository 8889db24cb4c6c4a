/**
 * Who takes part: joining, going and coming back. A member whose connection broke is away; it keeps
 * its lease until it is back or given up (`fault-detector.ts`).
 */
import { log, PROTOCOL_VERSION, type RequestOf, reasonOf } from '../protocol/index.ts'
import { pushDeadline } from './deadlines.ts'
import type { CoordinatorEventOf, KnownJoin } from './event.ts'
import { banOf, removeMember } from './fault-detector.ts'
import { admissionRefusal, inviteFull, noteInvite } from './invites.ts'
import {
  answer,
  changed,
  type Outcome,
  type Refused,
  type RequestEvent,
  refuse,
  runFinished,
  unchanged,
} from './outcome.ts'
import { noteComing, waitToComeMs } from './patience.ts'
import { addMember, changeMember, memberHere, othersOf } from './roster.ts'
import type { CoordinatorState, Member } from './state.ts'

const NEW_LINK = 'ask the organiser for the link that holds now'

export function onJoin(state: CoordinatorState, event: RequestEvent, request: KnownJoin): Outcome {
  const refused = joinRefusal(state, event, request)
  if (refused !== null) {
    const [refusal, reason] = refused
    const answer = refuse(event, refusal, reason)
    // Hanging up would hit the one that trains: the peer is the same.
    if (refusal === 'elsewhere') return unchanged(answer)
    return unchanged(answer, { type: 'disconnect', peer: event.peer, reason })
  }
  const { runConfig } = state.derived
  const joined = answer(event, { type: 'joined', runConfig, start: state.round.start })
  const member = state.members.get(event.peer)
  const { origin = null, block = null } = event
  const invite = event.invite?.name ?? null
  if (member === undefined) {
    noteComing(state, event)
    noteInvite(state, event.peer, invite)
    addMember(state, event.peer, { ...request, origin, block, invite })
    return changed(joined, log('info', `${request.name} joined`))
  }
  // The same process again: its link broke, and nobody here has noticed. It keeps its name.
  if (member.awayUntil === null) return unchanged(joined)
  noteComing(state, event)
  noteInvite(state, event.peer, invite)
  const { name, session } = request
  changeMember(state, member, { awayUntil: null, name, session, origin, block, invite })
  return changed(joined, log('info', `${request.name} is back`))
}

/** The version comes first: what else a message of another version says may mean something else. */
function joinRefusal(
  state: CoordinatorState,
  event: RequestEvent,
  request: KnownJoin,
): Refused | null {
  const { peer, genuine } = event
  if (request.version !== PROTOCOL_VERSION) {
    const reason = `this run speaks protocol ${PROTOCOL_VERSION}, not ${request.version}`
    return ['protocol-version', reason]
  }
  if (request.runId !== null && request.runId !== state.runId) {
    return ['other-run', `this is run ${state.runId.slice(0, 16)}: ${NEW_LINK}`]
  }
  if (!genuine) return ['bad-token', `the token is not that of this run: ${NEW_LINK}`]
  if (state.phase === 'finished') return runFinished(state)
  const uninvited = admissionRefusal(state, event)
  if (uninvited !== null) return uninvited
  const banned = banOf(state, peer)
  if (banned !== null) return ['banned', banned]
  const member = memberHere(state, peer)
  if (member !== null && member.session !== request.session) {
    return ['elsewhere', `${member.name} trains with the same identity`]
  }
  const waitMs = member === null ? waitToComeMs(state, event) : 0
  if (waitMs > 0)
    return ['too-often', `too many came for nothing: come back in ${Math.ceil(waitMs / 1000)} s`]
  return placeRefusal(state, event)
}

/** Whether there is a place for it: one of the run's, of its block's, and of its invite's. */
function placeRefusal(state: CoordinatorState, event: RequestEvent): Refused | null {
  const { config, members, derived } = state
  const { peer, block } = event
  const { membersMax, blockMembersMax } = config.admission
  if (members.size >= membersMax && !members.has(peer)) {
    return ['run-full', `all ${membersMax} places are taken`]
  }
  if (
    blockMembersMax !== null &&
    othersOf(derived.blocks, block ?? null, peer) >= blockMembersMax
  ) {
    return ['run-full', `all ${blockMembersMax} places of its block of addresses are taken`]
  }
  return inviteFull(state, event)
}

export function onDisconnected(
  state: CoordinatorState,
  { at, peer }: CoordinatorEventOf<'disconnected'>,
): Outcome {
  const member = memberHere(state, peer)
  if (member === null) return unchanged()
  setAway(state, member, at)
  return changed(log('info', `${member.name} is away`))
}

export function setAway(state: CoordinatorState, member: Member, at: number): void {
  const awayUntil = at + state.config.round.rejoinSeconds * 1000
  changeMember(state, member, { awayUntil })
  pushDeadline(state.derived.memberDeadlines, { at: awayUntil, key: member.peer })
}

export function onLeave(
  state: CoordinatorState,
  event: RequestEvent,
  request: RequestOf<'leave'>,
): Outcome {
  const goodbye = answer(event, { type: 'goodbye' })
  const member = state.members.get(event.peer)
  if (member === undefined) return unchanged(goodbye)
  const text = reasonOf(`${member.name} left: ${request.reason}`)
  return changed(goodbye, log('info', text), ...removeMember(state, member, 'its holder left'))
}
