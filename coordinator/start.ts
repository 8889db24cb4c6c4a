/**
 * The process started. The first time, the base model is evaluated. Later, nobody is connected, and
 * all deadlines move by the time that was lost (and by any jump of the clock): an outage of the
 * coordinator is no fault of its volunteers, who may still be training.
 */

import { log, roundName } from '../protocol/index.ts'
import type { CoordinatorEventOf } from './event.ts'
import { setAway } from './membership.ts'
import { askForEvaluation } from './merge.ts'
import { changed, type Outcome } from './outcome.ts'
import { queueDeadlines } from './queue-deadlines.ts'
import { askForScores, moveScores } from './scores.ts'
import type { CoordinatorState } from './state.ts'

export function onStarted(
  state: CoordinatorState,
  { at, coinKey }: CoordinatorEventOf<'started'>,
): Outcome {
  state.coinKey = coinKey
  if (state.at === null) {
    state.own.sinceAt = at
    const { base: adapter, checkpoint } = state.round.start
    const evaluation = { round: 0, adapter, checkpoint }
    return changed(askForEvaluation(state, evaluation), ...askForScores(state, evaluation, at))
  }
  moveDeadlines(state, at - state.at)
  state.failures.clear()
  state.refusedMerges.inARow = 0
  state.patience = { peers: new Map(), origins: new Map() }
  for (const member of state.members.values()) {
    if (member.awayUntil === null) setAway(state, member, at)
  }
  queueDeadlines(state)
  const { round } = state.round.start
  return changed(
    log('info', `restarted in ${roundName(round)}: ${state.members.size} may come back`),
  )
}

function moveDeadlines(state: CoordinatorState, byMs: number): void {
  const { round, leases, members, audits, own } = state
  if (own.sinceAt !== null) own.sinceAt += byMs
  if (own.begunAt !== null) own.begunAt += byMs
  moveScores(state, byMs)
  for (const audit of audits.values()) {
    if (audit.deadlineAt !== null) audit.deadlineAt += byMs
    // Each process names blocks by a key of its own.
    audit.block = null
  }
  if (round.boxEndsAt !== null) round.boxEndsAt += byMs
  if (round.closesAt !== null) round.closesAt += byMs
  for (const held of leases.values()) {
    held.leasedAt += byMs
    held.stopAt += byMs
    if (held.deadlineAt !== null) held.deadlineAt += byMs
    if (held.commitment !== null) held.commitment.at += byMs
  }
  for (const member of members.values()) {
    if (member.awayUntil !== null) member.awayUntil += byMs
  }
}
