/**
 * Audits: the coordinator gives them in place of a lease, while there is nothing to train on. All
 * of the steps count or none, so whoever has to stop gives the audit back, and another one does it.
 */
import {
  type AuditOffer,
  assert,
  counted,
  type LeaseId,
  log,
  reasonOf,
} from '../../protocol/index.ts'
import { ask } from './actions.ts'
import type { ParticipantEffect } from './effect.ts'
import type { ParticipantEventOf } from './event.ts'
import { backoffMs, isAsking, type ParticipantState } from './state.ts'
import { askLater, loseWork } from './work.ts'

export function onAuditOffered(state: ParticipantState, offer: AuditOffer): ParticipantEffect[] {
  state.rejoins = 0
  assert(state.audit === null, 'nobody asks for work while it has an audit')
  // There is no time for it any more.
  if (state.leaving !== null || state.paused !== null) return [giveBack(state, offer.leaseId, 'no')]
  const effects: ParticipantEffect[] = []
  if (state.mustConfirmWork && state.work !== null) {
    effects.push(...loseWork(state, state.work.lease.leaseId, 'it was given to someone else'))
  }
  state.mustConfirmWork = false
  state.audit = { offer, done: null, failures: 0, retryAt: null }
  const { kind, steps } = offer
  const repeating = `repeating ${counted(steps, 'step')} of somebody else (${kind})`
  const text = `audit ${offer.leaseId}: ${repeating}`
  return [...effects, log('info', text), { type: 'audit', offer }]
}

export function onAudited(
  state: ParticipantState,
  { answer, signature }: ParticipantEventOf<'audited'>,
): ParticipantEffect[] {
  if (state.audit?.offer.leaseId === answer.leaseId) state.audit.done = { answer, signature }
  return []
}

export function onAuditFailed(
  state: ParticipantState,
  { at, leaseId, reason }: ParticipantEventOf<'audit-failed'>,
): ParticipantEffect[] {
  if (state.audit?.offer.leaseId !== leaseId) return []
  state.audit = null
  askLater(state, at)
  const text = log('warn', `audit ${leaseId} failed: ${reason}`)
  return state.link === 'joined' ? [text, giveBack(state, leaseId, reason)] : [text]
}

/** The machine is needed for something else, or goes. */
export function dropAudit(state: ParticipantState, reason: string): ParticipantEffect[] {
  const { audit, link } = state
  if (audit === null || audit.done !== null) return []
  const { leaseId } = audit.offer
  state.audit = null
  const end: ParticipantEffect = { type: 'abandon-training', leaseId }
  return link === 'joined' ? [end, giveBack(state, leaseId, reason)] : [end]
}

function giveBack(state: ParticipantState, leaseId: LeaseId, reason: string): ParticipantEffect {
  const given = { leaseId, cause: 'machine', reason: reasonOf(reason) } as const
  return ask(state, { type: 'fail' }, { type: 'fail', ...given })
}

/** Nobody wants the answer any more. */
export function loseAudit(
  state: ParticipantState,
  leaseId: LeaseId,
  reason: string,
): ParticipantEffect[] {
  if (state.audit?.offer.leaseId !== leaseId) return []
  const isWorking = state.audit.done === null
  state.audit = null
  const text = log('debug', `audit ${leaseId} is over: ${reason}`)
  return isWorking ? [text, { type: 'abandon-training', leaseId }] : [text]
}

/** Sends the answer when it is there. */
export function advanceAudit(state: ParticipantState, at: number): ParticipantEffect[] {
  const { audit } = state
  if (!canAnswer(state) || (audit!.retryAt !== null && at < audit!.retryAt)) return []
  const { leaseId } = audit!.offer
  return [ask(state, { type: 'audit', leaseId }, { type: 'audit', ...audit!.done! })]
}

function canAnswer(state: ParticipantState): boolean {
  return state.link === 'joined' && state.audit?.done != null && !isAsking(state, 'audit')
}

export function auditDeadline(state: ParticipantState): number | null {
  return canAnswer(state) ? state.audit!.retryAt : null
}

export function onAuditTaken(state: ParticipantState, leaseId: LeaseId): ParticipantEffect[] {
  if (state.audit?.offer.leaseId === leaseId) state.audit = null
  return []
}

export function onAnswerFailed(
  state: ParticipantState,
  at: number,
  leaseId: LeaseId,
  reason: string,
): ParticipantEffect[] {
  const { audit } = state
  if (audit?.offer.leaseId !== leaseId) return []
  audit.failures += 1
  audit.retryAt = at + backoffMs(state.random, audit.failures)
  return [log('info', `the answer to an audit failed: ${reason}`)]
}
