/**
 * Leases: a range of batches lent to one member for the rest of the round's time box. Its size
 * follows the member's measured speed, so that fast and slow ones end together; its deadline
 * follows too, so that the work of the dead goes to the living within the round.
 */
import {
  log,
  type PeerId,
  type RequestOf,
  ROUND_LEASES_MAX,
  reasonOf,
  roundName,
} from '../protocol/index.ts'
import { assign, giveBack } from './assignment.ts'
import { offerAudit } from './audits.ts'
import { peekDeadline, pushDeadline } from './deadlines.ts'
import type { CoordinatorEffect } from './effect.ts'
import { holdLeft } from './hold.ts'
import { sizeLease } from './lease-size.ts'
import { newcomersLeft } from './newcomers.ts'
import {
  answer,
  changed,
  notify,
  type Outcome,
  type RequestEvent,
  refuse,
  runFinished,
  unchanged,
} from './outcome.ts'
import { waitToWorkMs } from './patience.ts'
import { hasDelivered, isOnTrial, isProven } from './record.ts'
import { changeMember, failToDeliver, memberHere, paceOfOthers } from './roster.ts'
import { offerPiece } from './score-offers.ts'
import type { CoordinatorState, HeldLease, Member } from './state.ts'
import { addBatches, addTrials, batchesOf, isTried, removePayload, trialsOf } from './tally.ts'

/**
 * A lease may take this many times as long as expected before its holder has to stop; at least the
 * grace.
 */
const PATIENCE = 3
/** A member that owes this many uploads gets no further lease. */
const UPLOADS_OWED_MAX = 2
/** One on trial gets no further lease while so many of its pieces of work wait to be repeated. */
const TRIALS_MAX = 4
/** One identity gets at most this share of a round, once so many have joined. */
const SHARE_MAX = 1 / 2
const CROWD_MIN = 3
/** Bounds of how long a member is told to wait before it asks again. */
const WAIT_MS_MIN = 250
const WAIT_MS_MAX = 120_000

export function onLease(
  state: CoordinatorState,
  event: RequestEvent,
  request: RequestOf<'lease'>,
): Outcome {
  const { round, phase } = state
  const member = memberHere(state, event.peer)
  if (phase === 'finished') {
    return unchanged(refuse(event, ...runFinished(state)))
  }
  if (member === null) return unchanged(refuse(event, 'not-joined', 'join first'))
  const isImpatient = waitToWorkMs(state, member.peer, event.at) > 0
  const mayBeOffered = member.leaseId === null && (member.auditing !== null || !isImpatient)
  const audit = mayBeOffered ? offerAudit(state, event, member) : null
  if (audit !== null) return audit
  const piece = mayBeOffered ? offerPiece(state, event, member, false) : null
  if (piece !== null) return piece
  if (request.round !== round.start.round) {
    const reason = `${roundName(request.round)} is not the current ${roundName(round.start.round)}`
    return unchanged(refuse(event, 'stale-round', reason))
  }
  if (request.base !== round.start.base) {
    return unchanged(refuse(event, 'wrong-base', `the round starts from ${round.start.base}`))
  }
  if (member.leaseId !== null) {
    // Its reply was lost: the same lease again, with what is left of its times.
    const held = state.leases.get(member.leaseId)!
    return unchanged(answer(event, leaseReply(state, held, event.at)))
  }
  const outcome = grantOrWait(state, event, member, request.stepMs ?? member.stepMs)
  if (outcome.accepted || isImpatient) return outcome
  // It would have to wait.
  return offerPiece(state, event, member, true) ?? outcome
}

function grantOrWait(
  state: CoordinatorState,
  event: RequestEvent,
  member: Member,
  stepMs: number | null,
): Outcome {
  const { round } = state
  const wait = (reason: string, ms: number): Outcome => {
    const retryMs = Math.ceil(Math.min(WAIT_MS_MAX, Math.max(WAIT_MS_MIN, ms)))
    return unchanged(answer(event, { type: 'wait', reason, retryMs }))
  }
  if (state.phase === 'aggregating') return wait('the round is being merged', WAIT_MS_MAX)
  if (round.closesAt !== null) return wait('the round is closing', round.closesAt - event.at)
  const boxMs = state.config.round.seconds * 1000
  const leftMs = round.boxEndsAt === null ? boxMs : round.boxEndsAt - event.at
  const free = round.budget - round.outstanding - round.uploaded
  const own = shareLeft(state, member.peer)
  const hold = state.members.size < CROWD_MIN ? round.budget : holdLeft(state, member)
  // Leases come back when their holders die: ask a few times in the rest of the box.
  if (free === 0 || state.leases.size >= ROUND_LEASES_MAX) {
    return wait('all batches of the round are leased', leftMs / 4)
  }
  if (own === 0) return wait('half of the round is its own already', leftMs)
  if (hold === 0) return wait('its place holds enough that has yet to come', leftMs / 4)
  const newcomers = newcomersLeft(state, member)
  if (newcomers === 0) return wait('newcomers have their share of the round', leftMs / 8)
  if (member.committed.length >= UPLOADS_OWED_MAX) {
    return wait(`${member.committed.length} uploads are owed`, leftMs / 4)
  }
  if (trialsOf(state.derived.tally, member.peer) >= TRIALS_MAX) {
    return wait('what it has done waits to be repeated', leftMs / 4)
  }
  const impatientMs = waitToWorkMs(state, member.peer, event.at)
  if (impatientMs > 0) return wait('too much came to nothing', impatientMs)
  const size = sizeLease(state.config.round, {
    leftMs,
    available: free,
    ownMax: Math.min(own, hold, newcomers),
    hasDelivered: hasDelivered(state, member.peer) && !isOnTrial(state, member.peer),
    stepMs,
    transferMs: member.transferMs,
    others: paceOfOthers(state, member),
  })
  if (size.steps === 0) return wait(size.reason, leftMs + state.config.round.graceSeconds * 1000)
  changeMember(state, member, { stepMs })
  return grant(state, event, member, size)
}

/** What one identity may still get of a round, where others are there to do the rest. */
function shareLeft({ round, members, derived }: CoordinatorState, peer: PeerId): number {
  if (members.size < CROWD_MIN) return round.budget
  return Math.max(0, Math.ceil(round.budget * SHARE_MAX) - batchesOf(derived.tally, peer))
}

function grant(
  state: CoordinatorState,
  event: RequestEvent,
  member: Member,
  { steps, expectedMs }: { steps: number; expectedMs: number | null },
): Outcome {
  const { round, config } = state
  const effects: CoordinatorEffect[] = []
  if (round.boxEndsAt === null) {
    round.boxEndsAt = event.at + config.round.seconds * 1000
    state.phase = 'training'
    effects.push(log('info', `${roundName(round.start.round)} started`))
  }
  const range = assign(state.ledger, steps)
  const graceMs = config.round.graceSeconds * 1000
  const patienceMs =
    expectedMs === null ? Number.POSITIVE_INFINITY : Math.max(graceMs, PATIENCE * expectedMs)
  const stopAt = Math.min(round.boxEndsAt, event.at + patienceMs)
  const held: HeldLease = {
    leaseId: state.nextLeaseId,
    peer: member.peer,
    firstBatch: range.start,
    steps: range.end - range.start,
    isNewcomers: !isProven(state, member.peer),
    isExpected: hasDelivered(state, member.peer),
    isOnTrial: isOnTrial(state, member.peer),
    isVerified: false,
    wasCounted: false,
    stage: 'leased',
    leasedAt: event.at,
    stopAt,
    deadlineAt: stopAt + graceMs,
    commitment: null,
  }
  state.nextLeaseId += 1
  state.leases.set(held.leaseId, held)
  member.leaseId = held.leaseId
  if (member.scoreTurn === 'after-lease') member.scoreTurn = 'ready'
  pushDeadline(state.derived.leaseDeadlines, { at: held.deadlineAt!, key: held.leaseId })
  addBatches(state.derived.tally, held, held.steps)
  round.outstanding += held.steps
  if (held.isExpected) round.awaited += held.steps
  expectMore(state)
  return changed(answer(event, leaseReply(state, held, event.at)), ...effects)
}

function leaseReply(state: CoordinatorState, held: HeldLease, at: number) {
  const { leaseId, firstBatch, steps, stopAt } = held
  const { round, base, learningRate } = state.round.start
  return {
    type: 'leased',
    leaseId,
    round,
    base,
    firstBatch,
    steps,
    learningRate,
    stopMs: Math.max(0, Math.floor(stopAt - at)),
    deadlineMs: Math.max(0, Math.floor(held.deadlineAt! - at)),
  } as const
}

/** Takes an unfinished lease away from its holder; its batches are owed again. */
export function revoke(
  state: CoordinatorState,
  held: HeldLease,
  reason: string,
): CoordinatorEffect[] {
  state.leases.delete(held.leaseId)
  leaveOutstanding(state, held, held.steps)
  addBatches(state.derived.tally, held, -held.steps)
  removePayload(state.derived.tally, held)
  if (isTried(held)) addTrials(state.derived.tally, held.peer, -1)
  giveBack(state.ledger, { start: held.firstBatch, end: held.firstBatch + held.steps })
  const member = state.members.get(held.peer)
  if (member !== undefined) release(member, held.leaseId)
  if (memberHere(state, held.peer) === null) return []
  return [notify(held.peer, { type: 'revoked', leaseId: held.leaseId, reason: reasonOf(reason) })]
}

/** Batches of a lease are no longer on their way: they are here, or owed again. */
export function leaveOutstanding(
  { round }: CoordinatorState,
  held: HeldLease,
  steps: number,
): void {
  round.outstanding -= steps
  if (held.isExpected) round.awaited -= steps
}

export function expectMore({ round }: CoordinatorState): void {
  round.expected = Math.max(round.expected, round.awaited + round.uploaded)
}

/** The member is done with a lease, for better or worse. */
export function release(member: Member, leaseId: number): void {
  if (member.leaseId === leaseId) member.leaseId = null
  else member.committed = member.committed.filter((id) => id !== leaseId)
}

/** When the next lease runs out. */
export function nextLeaseDeadline(state: CoordinatorState): { at: number; key: number } | null {
  return peekDeadline(
    state.derived.leaseDeadlines,
    ({ at, key }) => state.leases.get(key)?.deadlineAt === at,
  )
}

export function expireLeases(state: CoordinatorState, now: number): CoordinatorEffect[] {
  const effects: CoordinatorEffect[] = []
  for (;;) {
    const deadline = nextLeaseDeadline(state)
    if (deadline === null || deadline.at > now) return effects
    const held = state.leases.get(deadline.key)!
    failToDeliver(state, held.peer)
    effects.push(log('warn', `lease ${held.leaseId} of ${nameOf(state, held.peer)} expired`))
    effects.push(...revoke(state, held, 'its deadline has passed'))
  }
}

function nameOf(state: CoordinatorState, peer: PeerId): string {
  return state.members.get(peer)?.name ?? peer
}
