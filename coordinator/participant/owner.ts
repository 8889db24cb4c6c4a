/**
 * What the owner of the machine wants: a pause, or an end. Either way what is done is handed in
 * first. Who is paused then says goodbye and hangs up, so that nobody waits for it: a lease that it
 * cannot work on goes to someone else at once. Joining again costs a message.
 */

import { log } from '../../protocol/index.ts'
import { ask, exit } from './actions.ts'
import type { ParticipantEffect } from './effect.ts'
import type { ParticipantEventOf } from './event.ts'
import { hangUp, joinAgain, retryLinkNow } from './link.ts'
import { dropSideWork } from './side-work.ts'
import { isAsking, type ParticipantState, wantsLink } from './state.ts'
import { stopWork } from './work.ts'

/** How long a leaving participant tries to hand in what it has; a step in progress has to end. */
const LEAVE_MS_MAX = 60_000

export function onPause(
  state: ParticipantState,
  { reason }: ParticipantEventOf<'pause'>,
): ParticipantEffect[] {
  state.paused = reason
  const stopped = [...stopWork(state, 'now'), ...dropSideWork(state, reason)]
  return [log('debug', `paused: ${reason}`), ...stopped]
}

export function onResume(state: ParticipantState, at: number): ParticipantEffect[] {
  if (state.paused === null) return []
  state.paused = null
  state.loadAt = null
  retryLinkNow(state, at)
  return [log('debug', 'the pause is over')]
}

export function onFinish(
  state: ParticipantState,
  { reason }: ParticipantEventOf<'finish'>,
): ParticipantEffect[] {
  state.leaving ??= { how: 'finish', reason, by: null }
  return []
}

/** The first time, hands in what is done; the second time, goes at once. */
export function onLeave(
  state: ParticipantState,
  { at, reason }: ParticipantEventOf<'leave'>,
): ParticipantEffect[] {
  if (state.leaving?.how === 'leave') return exit(state, 'left', reason)
  state.leaving = { how: 'leave', reason, by: at + LEAVE_MS_MAX }
  return [...stopWork(state), ...dropSideWork(state, reason)]
}

/** The coordinator knows, or will find out. */
export function onGoodbye(
  state: ParticipantState,
  at: number,
  reason: string,
): ParticipantEffect[] {
  if (state.leaving !== null) return exit(state, 'left', reason)
  if (state.paused !== null) return [hangUp(state, at)]
  // The pause was over before the goodbye came: nobody knows us any more.
  joinAgain(state, at)
  return []
}

export function advancePause(state: ParticipantState, at: number): ParticipantEffect[] {
  const { link, paused, leaving } = state
  if (leaving !== null || wantsLink(state)) return []
  if (link === 'connected') return [hangUp(state, at)]
  if (link !== 'joined' || isAsking(state, 'leave')) return []
  return [ask(state, { type: 'leave' }, { type: 'leave', reason: `paused: ${paused}` })]
}

export function advanceLeaving(state: ParticipantState, at: number): ParticipantEffect[] {
  const { leaving, work, sideWork, handIns, link } = state
  if (leaving === null) return []
  if (work === null && sideWork === null) leaving.by ??= at + LEAVE_MS_MAX
  if (leaving.by !== null && at >= leaving.by) {
    return exit(state, 'left', `${leaving.reason}; work was not handed in`)
  }
  if (work !== null || sideWork !== null || handIns.length > 0) return []
  if (link !== 'joined') return exit(state, 'left', leaving.reason)
  if (isAsking(state, 'leave')) return []
  return [ask(state, { type: 'leave' }, { type: 'leave', reason: leaving.reason })]
}
