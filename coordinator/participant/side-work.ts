/**
 * Work between two leases: somebody's steps to repeat, or rows to score. The coordinator gives it
 * in place of a lease. All of it counts or none, so whoever has to stop gives it back, and another
 * one does it.
 */
import {
  type AuditOffer,
  assert,
  counted,
  type LeaseId,
  log,
  reasonOf,
  type ScoreOffer,
} from '../../protocol/index.ts'
import { ask } from './actions.ts'
import type { ParticipantEffect } from './effect.ts'
import type { ParticipantEventOf } from './event.ts'
import { backoffMs, isAsking, type ParticipantState, type SideWork } from './state.ts'
import { askLater, loseWork } from './work.ts'

export function onAuditOffered(state: ParticipantState, offer: AuditOffer): ParticipantEffect[] {
  const { leaseId, kind, steps } = offer
  const repeating = `repeating ${counted(steps, 'step')} of somebody else (${kind})`
  const text = `audit ${leaseId}: ${repeating}`
  return takeOn(state, { type: 'audit', leaseId }, text, { type: 'audit', offer })
}

export function onScoreOffered(state: ParticipantState, offer: ScoreOffer): ParticipantEffect[] {
  const { leaseId, rows } = offer
  const text = `scores ${leaseId}: an adapter on ${counted(rows, 'row')}`
  return takeOn(state, { type: 'score', leaseId }, text, { type: 'score', offer })
}

function takeOn(
  state: ParticipantState,
  { type, leaseId }: Pick<SideWork, 'type' | 'leaseId'>,
  text: string,
  begin: ParticipantEffect,
): ParticipantEffect[] {
  state.rejoins = 0
  assert(state.sideWork === null, 'nobody asks for work while it has some')
  // There is no time for it any more.
  if (state.leaving !== null || state.paused !== null) return [giveBack(state, leaseId, 'no')]
  const effects: ParticipantEffect[] = []
  if (state.mustConfirmWork && state.work !== null) {
    effects.push(...loseWork(state, state.work.lease.leaseId, 'it was given to someone else'))
  }
  state.mustConfirmWork = false
  state.sideWork = { type, leaseId, done: null, failures: 0, retryAt: null }
  return [...effects, log('info', text), begin]
}

export function onAudited(
  state: ParticipantState,
  { answer, signature }: ParticipantEventOf<'audited'>,
): ParticipantEffect[] {
  return onDone(state, answer.leaseId, { type: 'audit', answer, signature })
}

export function onScored(
  state: ParticipantState,
  { leaseId, outcomes }: ParticipantEventOf<'scored'>,
): ParticipantEffect[] {
  return onDone(state, leaseId, { type: 'score', leaseId, outcomes })
}

function onDone(
  { sideWork }: ParticipantState,
  leaseId: LeaseId,
  done: NonNullable<SideWork['done']>,
): ParticipantEffect[] {
  if (sideWork?.leaseId === leaseId) sideWork.done = done
  return []
}

export function onSideWorkFailed(
  state: ParticipantState,
  { at, leaseId, reason }: ParticipantEventOf<'audit-failed' | 'scoring-failed'>,
): ParticipantEffect[] {
  const { sideWork } = state
  if (sideWork?.leaseId !== leaseId) return []
  state.sideWork = null
  askLater(state, at)
  const text = log('warn', `${nameOf(sideWork)} failed: ${reason}`)
  return state.link === 'joined' ? [text, giveBack(state, leaseId, reason)] : [text]
}

/** The machine is needed for something else, or goes. */
export function dropSideWork(state: ParticipantState, reason: string): ParticipantEffect[] {
  const { sideWork, link } = state
  if (sideWork === null || sideWork.done !== null) return []
  const { leaseId } = sideWork
  state.sideWork = null
  const end: ParticipantEffect = { type: 'abandon-training', leaseId }
  return link === 'joined' ? [end, giveBack(state, leaseId, reason)] : [end]
}

function giveBack(state: ParticipantState, leaseId: LeaseId, reason: string): ParticipantEffect {
  const given = { leaseId, cause: 'machine', reason: reasonOf(reason) } as const
  return ask(state, { type: 'fail' }, { type: 'fail', ...given })
}

/** Nobody wants the answer any more. */
export function loseSideWork(
  state: ParticipantState,
  leaseId: LeaseId,
  reason: string,
): ParticipantEffect[] {
  const { sideWork } = state
  if (sideWork?.leaseId !== leaseId) return []
  state.sideWork = null
  const text = log('debug', `${nameOf(sideWork)} is over: ${reason}`)
  return sideWork.done === null ? [text, { type: 'abandon-training', leaseId }] : [text]
}

const nameOf = ({ type, leaseId }: SideWork): string =>
  type === 'audit' ? `audit ${leaseId}` : `scores ${leaseId}`

/** Sends the answer when it is there. */
export function advanceSideWork(state: ParticipantState, at: number): ParticipantEffect[] {
  const { sideWork } = state
  if (!canAnswer(state) || (sideWork!.retryAt !== null && at < sideWork!.retryAt)) return []
  const { type, leaseId, done } = sideWork!
  return [ask(state, { type, leaseId }, done!)]
}

function canAnswer(state: ParticipantState): boolean {
  const { link, sideWork } = state
  return link === 'joined' && sideWork?.done != null && !isAsking(state, sideWork.type)
}

export function sideWorkDeadline(state: ParticipantState): number | null {
  return canAnswer(state) ? state.sideWork!.retryAt : null
}

export function onSideWorkTaken(state: ParticipantState, leaseId: LeaseId): ParticipantEffect[] {
  if (state.sideWork?.leaseId === leaseId) state.sideWork = null
  return []
}

export function onAnswerFailed(
  state: ParticipantState,
  at: number,
  leaseId: LeaseId,
  reason: string,
): ParticipantEffect[] {
  const { sideWork } = state
  if (sideWork?.leaseId !== leaseId) return []
  sideWork.failures += 1
  sideWork.retryAt = at + backoffMs(state.random, sideWork.failures)
  return [log('info', `the answer to ${nameOf(sideWork)} failed: ${reason}`)]
}
