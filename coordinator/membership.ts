/**
 * Who takes part: joining, going and coming back. A member whose connection broke is away; it keeps
 * its lease until it is back or given up (`fault-detector.ts`).
 */
import { PROTOCOL_VERSION } from '../protocol/limits.ts'
import type { PeerId, Refusal, RequestOf } from '../protocol/messages.ts'
import { pushDeadline } from './deadlines.ts'
import type { CoordinatorEventOf } from './event.ts'
import { isBanned, removeMember, STRIKES_MAX } from './fault-detector.ts'
import {
  answer,
  changed,
  log,
  type Outcome,
  type RequestEvent,
  reasonOf,
  refuse,
  unchanged,
} from './outcome.ts'
import { addMember, changeMember, memberHere } from './roster.ts'
import { type CoordinatorState, type Member, tokenDigestOf } from './state.ts'

type Refused = readonly [Refusal, string]

export function onJoin(
  state: CoordinatorState,
  event: RequestEvent,
  request: RequestOf<'join'>,
): Outcome {
  const refused = joinRefusal(state, event.peer, request)
  if (refused !== null) {
    const [refusal, reason] = refused
    return unchanged(refuse(event, refusal, reason), {
      type: 'disconnect',
      peer: event.peer,
      reason,
    })
  }
  const { runConfig } = state.derived
  const joined = answer(event, { type: 'joined', runConfig, start: state.round.start })
  const member = state.members.get(event.peer)
  if (member === undefined) {
    addMember(state, event.peer, request.name)
    return changed(joined, log('info', `${request.name} joined`))
  }
  if (member.awayUntil === null && member.name === request.name) return unchanged(joined)
  changeMember(state, member, { awayUntil: null })
  member.name = request.name
  return changed(joined, log('info', `${request.name} is back`))
}

/** The version comes first: what else a message of another version says may mean something else. */
function joinRefusal(
  state: CoordinatorState,
  peer: PeerId,
  request: RequestOf<'join'>,
): Refused | null {
  if (request.version !== PROTOCOL_VERSION) {
    const reason = `this run speaks protocol ${PROTOCOL_VERSION}, not ${request.version}`
    return ['protocol-version', reason]
  }
  if (request.runId !== null && request.runId !== state.runId) {
    return ['other-run', `this is run ${state.runId}`]
  }
  if (state.tokenDigest !== null && tokenDigestOf(request.token) !== state.tokenDigest) {
    return ['bad-token', 'the token is not the one of the invitation']
  }
  if (isBanned(state, peer)) return ['banned', `after ${STRIKES_MAX} strikes`]
  if (state.phase === 'finished') return ['run-finished', 'the run is finished']
  const { membersMax } = state.config.admission
  if (state.members.size >= membersMax && !state.members.has(peer)) {
    return ['run-full', `all ${membersMax} places are taken`]
  }
  return null
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
