/**
 * Handing in: commit what was trained, then upload it. A commit goes out at once, because it frees
 * the way to the next lease; uploads go one at a time, while the next lease is trained on.
 */

import { earliest, type LeaseId, log, type Refusal } from '../../protocol/index.ts'
import { ask, exit } from './actions.ts'
import type { ParticipantEffect } from './effect.ts'
import type { ParticipantEventOf } from './event.ts'
import { joinAgain } from './link.ts'
import { backoffMs, type HandIn, isAsking, type ParticipantState } from './state.ts'

export function advanceHandIns(state: ParticipantState, at: number): ParticipantEffect[] {
  const effects: ParticipantEffect[] = []
  for (const handIn of state.handIns) {
    if (!canSend(state, handIn) || (handIn.retryAt !== null && at < handIn.retryAt)) continue
    effects.push(send(state, handIn))
  }
  return effects
}

function canSend(state: ParticipantState, { stage }: HandIn): boolean {
  if (state.link !== 'joined') return false
  if (stage === 'trained') return !isAsking(state, 'commit')
  return stage === 'committed' && !state.handIns.some((other) => other.stage === 'uploading')
}

function send(state: ParticipantState, handIn: HandIn): ParticipantEffect {
  const { contribution, signature, stage } = handIn
  const { leaseId, payload } = contribution
  if (stage === 'trained') {
    const request = { type: 'commit', contribution, signature } as const
    return ask(state, { type: 'commit', leaseId }, request)
  }
  handIn.stage = 'uploading'
  return { type: 'upload', leaseId, payload }
}

export function handInDeadline(state: ParticipantState): number | null {
  let first: number | null = null
  for (const handIn of state.handIns) {
    if (canSend(state, handIn)) first = earliest(first, handIn.retryAt)
  }
  return first
}

function find(state: ParticipantState, leaseId: LeaseId): HandIn | undefined {
  return state.handIns.find(({ contribution }) => contribution.leaseId === leaseId)
}

function remove(state: ParticipantState, leaseId: LeaseId): void {
  state.handIns = state.handIns.filter(({ contribution }) => contribution.leaseId !== leaseId)
}

export function onCommitted(state: ParticipantState, leaseId: LeaseId): ParticipantEffect[] {
  const handIn = find(state, leaseId)
  if (handIn !== undefined) {
    handIn.stage = 'committed'
    handIn.failures = 0
    state.rejoins = 0
  }
  return []
}

/** The payload is there: `uploaded` and `counted` say so, whichever comes first. */
export function onDelivered(state: ParticipantState, leaseId: LeaseId): ParticipantEffect[] {
  if (find(state, leaseId) === undefined) return []
  remove(state, leaseId)
  return [log('debug', `lease ${leaseId} is handed in`)]
}

export function onUploadFailed(
  state: ParticipantState,
  { at, leaseId, reason, refusal }: ParticipantEventOf<'upload-failed'>,
): ParticipantEffect[] {
  const handIn = find(state, leaseId)
  if (handIn === undefined) return []
  handIn.stage = 'committed'
  if (refusal === undefined || refusal === 'not-joined') {
    if (refusal === 'not-joined' && state.link === 'joined') joinAgain(state, at)
    return retryHandIn(state, at, handIn, `upload failed: ${reason}`)
  }
  if (refusal === 'run-finished') return exit(state, 'finished', reason)
  if (refusal === 'duplicate') return onDelivered(state, leaseId)
  return dropHandIn(state, leaseId, refusal, reason)
}

export function onCommitFailed(
  state: ParticipantState,
  at: number,
  leaseId: LeaseId,
  reason: string,
): ParticipantEffect[] {
  const handIn = find(state, leaseId)
  return handIn === undefined ? [] : retryHandIn(state, at, handIn, `commit failed: ${reason}`)
}

function retryHandIn(
  state: ParticipantState,
  at: number,
  handIn: HandIn,
  text: string,
): ParticipantEffect[] {
  handIn.failures += 1
  handIn.retryAt = at + backoffMs(state.random, handIn.failures)
  return [log('info', text)]
}

/** The coordinator will not have it. */
export function dropHandIn(
  state: ParticipantState,
  leaseId: LeaseId,
  refusal: Refusal | 'revoked',
  reason: string,
): ParticipantEffect[] {
  if (find(state, leaseId) === undefined) return []
  remove(state, leaseId)
  return [log('warn', `the work of lease ${leaseId} does not count (${refusal}): ${reason}`)]
}
