/** What several parts of the participant do to the world. */
import type { LeaseId, Request } from '../../protocol/index.ts'
import type { ParticipantEffect } from './effect.ts'
import type { Asked, ParticipantState } from './state.ts'

type ExitOutcome = Extract<ParticipantEffect, { type: 'exit' }>['outcome']

export function ask(state: ParticipantState, asked: Asked, request: Request): ParticipantEffect {
  const requestId = state.nextRequestId
  state.nextRequestId += 1
  state.asked.set(requestId, asked)
  return { type: 'request', requestId, request }
}

export function exit(
  state: ParticipantState,
  outcome: ExitOutcome,
  reason: string,
): ParticipantEffect[] {
  state.hasExited = true
  const { work, sideWork } = state
  state.sideWork = null
  const isAtIt = sideWork !== null && sideWork.done === null
  return [
    ...(work === null ? [] : [abandon(state, work.lease.leaseId)]),
    ...(isAtIt ? [{ type: 'abandon-training', leaseId: sideWork.leaseId } as const] : []),
    { type: 'exit', outcome, reason },
  ]
}

export function abandon(state: ParticipantState, leaseId: LeaseId): ParticipantEffect {
  state.work = null
  state.mustConfirmWork = false
  return { type: 'abandon-training', leaseId }
}
