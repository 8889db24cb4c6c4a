/**
 * The coordinator of a run, without the world. Contract with the shell:
 *   1. feed one event; time is `event.at` and passes only so;
 *   2. if it was accepted, write it to the journal, durably;
 *   3. perform the effects in order; what comes of them comes back as an event;
 *   4. feed a `tick` when `nextDeadline` is reached;
 *   5. to restart: replay the journal, perform `pendingEffects`, feed `started`.
 * An event that is not accepted has changed nothing. No event costs more for having more members,
 * except those that end a round.
 */

import { assert, assertNever, earliest } from '../protocol/index.ts'
import { nextAuditDeadline, redrawAudits } from './audits.ts'
import { onCommit, onPayloadRefused, onPayloadStored, onUpload } from './contributions.ts'
import type { CoordinatorEvent } from './event.ts'
import { onFail } from './failures.ts'
import { giveUpAbsent, nextAbsenceDeadline } from './fault-detector.ts'
import { onAllowed, onInvited, onInviteRevoked } from './invites.ts'
import { expireLeases, nextLeaseDeadline, onLease } from './lease.ts'
import { onDisconnected, onJoin, onLeave } from './membership.ts'
import { onAggregated, onCoinPublished, onEvaluated } from './merge.ts'
import { answer, changed, type Outcome, type RequestEvent, unchanged } from './outcome.ts'
import { isTransition } from './phases.ts'
import { onRewound } from './rewind.ts'
import { endBox, nextRoundDeadline, settleRound } from './round.ts'
import { onScoreAnswer } from './score-answers.ts'
import { onPieceScored, onScored } from './scores.ts'
import { onStarted } from './start.ts'
import type { CoordinatorState } from './state.ts'
import { creditOfPeer, statusOf } from './status.ts'
import { onKicked, onUnbanned } from './take-back.ts'
import { onAuditAnswer, onAudited } from './verdicts.ts'

export function step(state: CoordinatorState, event: CoordinatorEvent): Outcome {
  const { phase } = state
  const outcome = decide(state, event)
  if (outcome.accepted) {
    outcome.effects.push(...settleRound(state, event.at))
    state.at = event.at
  }
  assert(isTransition(phase, state.phase), `a run does not go from ${phase} to ${state.phase}`)
  return outcome
}

function decide(state: CoordinatorState, event: CoordinatorEvent): Outcome {
  switch (event.type) {
    case 'started':
      return onStarted(state, event)
    case 'request':
      return onRequest(state, event)
    case 'disconnected':
      return onDisconnected(state, event)
    case 'payload-stored':
      return onPayloadStored(state, event)
    case 'payload-refused':
      return onPayloadRefused(state, event)
    case 'aggregated':
      return onAggregated(state, event)
    case 'evaluated':
      return onEvaluated(state, event)
    case 'piece-scored':
      return onPieceScored(state, event)
    case 'scored':
      return onScored(state, event)
    case 'kicked':
      return onKicked(state, event)
    case 'unbanned':
      return onUnbanned(state, event)
    case 'invited':
      return onInvited(state, event)
    case 'invite-revoked':
      return onInviteRevoked(state, event)
    case 'allowed':
      return onAllowed(state, event)
    case 'rewound':
      return onRewound(state, event)
    case 'audited':
      return onAudited(state, event)
    case 'coin-published':
      return onCoinPublished(state, event)
    case 'tick':
      return onTick(state, event)
    default:
      return assertNever(event)
  }
}

function onRequest(state: CoordinatorState, event: RequestEvent): Outcome {
  const { request } = event
  switch (request.type) {
    case 'join':
      return onJoin(state, event, request)
    case 'lease':
      return onLease(state, event, request)
    case 'commit':
      return onCommit(state, event, request)
    case 'audit':
      return onAuditAnswer(state, event, request)
    case 'score':
      return onScoreAnswer(state, event, request)
    case 'upload':
      return onUpload(state, event, request)
    case 'status':
      return unchanged(
        answer(event, {
          type: 'status',
          status: statusOf(state),
          own: creditOfPeer(state, event.peer),
        }),
      )
    case 'fail':
      return onFail(state, event, request)
    case 'leave':
      return onLeave(state, event, request)
    default:
      return assertNever(request)
  }
}

function onTick(state: CoordinatorState, { at }: { at: number }): Outcome {
  const deadline = nextDeadline(state)
  if (deadline === null || deadline > at) return unchanged()
  const { round } = state
  const isBoxOver = round.closesAt === null && (nextRoundDeadline(state) ?? at + 1) <= at
  const effects = isBoxOver ? endBox(state, at) : []
  // The round decides before the leases expire that end with it.
  effects.push(...settleRound(state, at))
  effects.push(...giveUpAbsent(state, at), ...expireLeases(state, at))
  effects.push(...redrawAudits(state, at))
  return changed(...effects)
}

/** When to feed the next `tick`; null: nothing is due until something else happens. */
export function nextDeadline(state: CoordinatorState): number | null {
  return earliest(
    nextRoundDeadline(state),
    nextAbsenceDeadline(state)?.at ?? null,
    nextLeaseDeadline(state)?.at ?? null,
    nextAuditDeadline(state)?.at ?? null,
  )
}
