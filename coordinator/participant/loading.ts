/** Loading: the model of the run once, then the base of each round. */

import { log } from '../../protocol/index.ts'
import { exit } from './actions.ts'
import type { ParticipantEffect } from './effect.ts'
import type { ParticipantEventOf } from './event.ts'
import { backoffMs, isCurrent, type ParticipantState } from './state.ts'

export function advanceLoading(state: ParticipantState, at: number): ParticipantEffect[] {
  const { run, start, loadAt } = state
  if (!canLoad(state) || (loadAt !== null && at < loadAt)) return []
  if (!state.isSetUp) {
    state.loading = 'set-up'
    return [{ type: 'set-up', ...run! }]
  }
  state.loading = 'prepare'
  return [{ type: 'prepare', start: start! }]
}

function canLoad(state: ParticipantState): boolean {
  const { link, loading, leaving, paused } = state
  if (link !== 'joined' || loading !== null || leaving !== null || paused !== null) return false
  return !state.isSetUp || !isCurrent(state, state.prepared)
}

export function loadingDeadline(state: ParticipantState): number | null {
  return canLoad(state) ? state.loadAt : null
}

export function onSetUp(state: ParticipantState): ParticipantEffect[] {
  state.loading = null
  state.loadFailures = 0
  state.isSetUp = true
  return []
}

export function onPrepared(
  state: ParticipantState,
  { round, base }: ParticipantEventOf<'prepared'>,
): ParticipantEffect[] {
  state.loading = null
  state.loadFailures = 0
  state.prepared = { round, base }
  return []
}

export function onLoadFailed(
  state: ParticipantState,
  { at, what, reason, fatal }: ParticipantEventOf<'failed'>,
): ParticipantEffect[] {
  if (fatal) return exit(state, 'failed', reason)
  state.loading = null
  // The pause broke the link, and by that the transfer.
  if (state.paused !== null) return []
  state.loadFailures += 1
  state.loadAt = at + backoffMs(state.random, state.loadFailures)
  return [log('warn', `${what} failed and will be tried again: ${reason}`)]
}
