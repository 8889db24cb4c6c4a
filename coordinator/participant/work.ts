/** The work: follow the rounds, lease, train, stop in time. */

import {
  earliest,
  type Lease,
  type LeaseId,
  log,
  type RoundStart,
  reasonOf,
  roundName,
} from '../../protocol/index.ts'
import { abandon, ask, exit } from './actions.ts'
import type { ParticipantEffect } from './effect.ts'
import type { ParticipantEventOf } from './event.ts'
import { backoffMs, isAsking, isCurrent, jittered, type ParticipantState } from './state.ts'

/** Leases in a row that may fail before the machine is taken to be unfit. */
const WORK_FAILURES_MAX = 5
/** Contributions on their way; with so many no further lease is asked for. */
const HAND_INS_MAX = 2
/** Pause before asking again after an answer that was of no use. */
const RETRY_MS = 2_000

/** A round goes on from `start`: what was done for another one is worth nothing now. */
export function followRound(state: ParticipantState, start: RoundStart): ParticipantEffect[] {
  const effects: ParticipantEffect[] = []
  state.start = start
  const { work } = state
  if (work !== null && !isCurrent(state, work.lease)) {
    const { leaseId, round } = work.lease
    effects.push(
      log('warn', `${roundName(round)} ended without lease ${leaseId}; training given up`),
    )
    effects.push(abandon(state, leaseId))
  }
  for (const { contribution } of state.handIns) {
    if (isCurrent(state, contribution)) continue
    const { leaseId, round } = contribution
    effects.push(log('warn', `${roundName(round)} ended before lease ${leaseId} was handed in`))
  }
  state.handIns = state.handIns.filter(({ contribution }) => isCurrent(state, contribution))
  return effects
}

/** Stops work whose time is over; asks for work when there is none. */
export function advanceWork(state: ParticipantState, at: number): ParticipantEffect[] {
  const { work, askAt, start, stepMs } = state
  const effects = work !== null && at >= work.stopAt ? stopWork(state) : []
  if (!canAsk(state) || (askAt !== null && at < askAt)) return effects
  const { round, base } = start!
  effects.push(ask(state, { type: 'lease' }, { type: 'lease', round, base, stepMs }))
  return effects
}

function canAsk(state: ParticipantState): boolean {
  const { link, loading, leaving, paused, work, sideWork, handIns } = state
  if (link !== 'joined' || isAsking(state, 'lease') || isAsking(state, 'fail')) return false
  if (state.mustConfirmWork) return true
  if (leaving !== null || paused !== null) return false
  // The coordinator would give the same lease again until its result is committed.
  const isCommitted = handIns.every(({ stage }) => stage !== 'trained')
  const isReady = loading === null && state.isSetUp && isCurrent(state, state.prepared)
  return (
    work === null && sideWork === null && isReady && isCommitted && handIns.length < HAND_INS_MAX
  )
}

export function workDeadline(state: ParticipantState): number | null {
  const { work } = state
  return earliest(
    canAsk(state) ? state.askAt : null,
    work !== null && !work.isStopping ? work.stopAt : null,
  )
}

export function stopWork(
  state: ParticipantState,
  when: 'after-step' | 'now' = 'after-step',
): ParticipantEffect[] {
  const { work } = state
  if (work === null || (work.isStopping && when === 'after-step')) return []
  work.isStopping = true
  state.mustConfirmWork = false
  return [{ type: 'stop-training', leaseId: work.lease.leaseId, when }]
}

export function onLeased(state: ParticipantState, at: number, lease: Lease): ParticipantEffect[] {
  const { work, handIns } = state
  state.mustConfirmWork = false
  state.rejoins = 0
  const stopAt = at + lease.stopMs
  if (work?.lease.leaseId === lease.leaseId) {
    work.stopAt = stopAt
    return []
  }
  if (handIns.some(({ contribution }) => contribution.leaseId === lease.leaseId)) return []
  // The round moved on while the answer was under way.
  if (!isCurrent(state, lease)) return []
  const effects: ParticipantEffect[] = []
  if (work !== null) {
    effects.push(log('warn', `lease ${work.lease.leaseId} was lost; its training is given up`))
    effects.push(abandon(state, work.lease.leaseId))
  }
  // There is no time for it any more: leaving gives it back.
  if (state.leaving !== null || state.paused !== null) return effects
  state.work = { lease, stopAt, isStopping: false }
  const last = lease.firstBatch + lease.steps - 1
  effects.push(log('info', `${roundName(lease.round)}: batches ${lease.firstBatch} to ${last}`))
  effects.push({ type: 'train', lease, start: state.start! })
  return effects
}

export function onWait(
  state: ParticipantState,
  at: number,
  { reason, retryMs }: { reason: string; retryMs: number },
): ParticipantEffect[] {
  const effects: ParticipantEffect[] = [log('debug', `waiting: ${reason}`)]
  if (state.mustConfirmWork && state.work !== null) {
    effects.push(...loseWork(state, state.work.lease.leaseId, 'it was given to someone else'))
  }
  // Up to half of it late: those who are told the same time need not come back together.
  state.askAt = at + retryMs / 2 + jittered(state.random, retryMs)
  return effects
}

export function loseWork(
  state: ParticipantState,
  leaseId: LeaseId,
  reason: string,
): ParticipantEffect[] {
  if (state.work?.lease.leaseId !== leaseId) return []
  return [log('warn', `lease ${leaseId} is lost: ${reason}`), abandon(state, leaseId)]
}

/** Pause before the next request for work. */
export function askLater(state: ParticipantState, at: number): void {
  state.askAt = at + jittered(state.random, RETRY_MS)
}

export function onStepDone(
  state: ParticipantState,
  { leaseId, stepMs }: ParticipantEventOf<'step-done'>,
): ParticipantEffect[] {
  if (state.work?.lease.leaseId === leaseId) state.stepMs = stepMs
  return []
}

export function onTrained(
  state: ParticipantState,
  { leaseId, contribution, signature }: ParticipantEventOf<'trained'>,
): ParticipantEffect[] {
  if (state.work?.lease.leaseId !== leaseId) return []
  state.work = null
  state.mustConfirmWork = false
  state.workFailures = 0
  state.stepMs = contribution.stepMs
  state.handIns.push({ contribution, signature, stage: 'trained', failures: 0, retryAt: null })
  return []
}

export function onTrainingEmpty(
  state: ParticipantState,
  { at, leaseId }: ParticipantEventOf<'training-empty'>,
): ParticipantEffect[] {
  if (state.work?.lease.leaseId !== leaseId) return []
  state.work = null
  state.mustConfirmWork = false
  askLater(state, at)
  return [log('info', `nothing to hand in of lease ${leaseId}`)]
}

export function onTrainingFailed(
  state: ParticipantState,
  { at, leaseId, cause, reason }: ParticipantEventOf<'training-failed'>,
): ParticipantEffect[] {
  if (state.work?.lease.leaseId !== leaseId) return []
  state.work = null
  state.mustConfirmWork = false
  state.workFailures += 1
  if (state.workFailures >= WORK_FAILURES_MAX) {
    return exit(state, 'failed', `training failed ${state.workFailures} times: ${reason}`)
  }
  state.askAt = at + backoffMs(state.random, state.workFailures)
  const effects: ParticipantEffect[] = [log('warn', `training failed: ${reason}`)]
  if (state.link === 'joined') {
    const failed = { leaseId, cause, reason: reasonOf(reason) }
    effects.push(ask(state, { type: 'fail' }, { type: 'fail', ...failed }))
  }
  return effects
}
