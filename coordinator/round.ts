/**
 * A round from its first lease to its merge. It is boxed in time, so that it ends with whatever its
 * volunteers have done by then and never waits for the slowest:
 *
 *   waiting --first lease--> training --box over--> closing --all in, or grace over--> aggregating
 *
 * Enough is here when the quorum is met; if not, the box is prolonged once by half, then what is
 * here is merged with a shorter outer step; with nothing at all the same round waits again.
 *
 * Sources: Douillard et al. 2023, DiLoCo (the merge); Bonawitz et al. 2019, Towards Federated
 * Learning at Scale, §4 (time windows and minimum goal counts).
 */

import { log, roundName } from '../protocol/index.ts'
import { inOrder } from './corrections.ts'
import { pushDeadline } from './deadlines.ts'
import type { CoordinatorEffect } from './effect.ts'
import { revoke } from './lease.ts'
import { mergeRuleOf } from './merge-rule.ts'
import { isLedByProven } from './newcomers.ts'
import { notify } from './outcome.ts'
import { pendingAggregation } from './pending.ts'
import { type Quorum, quorumOf } from './quorum.ts'
import { type CoordinatorState, openRound } from './state.ts'

/** A box whose quorum was missed is prolonged by this share of its length. */
const EXTENSION_SHARE = 1 / 2

/** The next time at which the round itself changes. */
export function nextRoundDeadline({ phase, round }: CoordinatorState): number | null {
  return phase === 'training' ? (round.closesAt ?? round.boxEndsAt) : null
}

/** The box is over: no more leases, everybody hands in what is done. */
export function endBox(state: CoordinatorState, now: number): CoordinatorEffect[] {
  const { round, config } = state
  // Counted from now, so that a late tick takes nothing from those who are told late.
  round.closesAt = now + config.round.graceSeconds * 1000
  return [notify('all', { type: 'closing', round: round.start.round })]
}

/** Closes, prolongs or reopens the round when its arrivals or its time call for it. */
export function settleRound(state: CoordinatorState, now: number): CoordinatorEffect[] {
  const { round, config } = state
  if (state.phase !== 'training') return []
  if (round.uploaded === round.budget) return closeRound(state, 1, 'all batches are here')
  if (round.closesAt === null) return []
  const quorum = quorumOf(round, config.round.quorumFraction)
  const over = round.outstanding === 0 || now >= round.closesAt
  if (quorum.status === 'met') return over ? closeRound(state, 1, quorum.reason) : []
  const mayExtend = !round.extended && !round.wasRefused
  if (mayExtend && (quorum.status === 'lost' || over)) return extendRound(state, now, quorum)
  if (!over) return []
  if (round.uploaded === 0) return reopenRound(state, quorum)
  return closeRound(state, Math.sqrt(round.uploaded / round.expected), quorum.reason)
}

function closeRound(
  state: CoordinatorState,
  outerScale: number,
  reason: string,
): CoordinatorEffect[] {
  const late = [...state.leases.values()].filter(({ stage }) => stage !== 'uploaded')
  const revoked = late.flatMap((held) => revoke(state, held, 'the round has closed'))
  state.phase = 'aggregating'
  state.round.outerScale = outerScale
  const text = `${roundName(state.round.start.round)} closed: ${reason}`
  return [...revoked, log('info', text), ...mergeAgain(state)]
}

/** Asks for the merge of the closed round as it is now; an earlier asking counts for nothing. */
export function mergeAgain(state: CoordinatorState): CoordinatorEffect[] {
  state.round.corrections = inOrder(state.takenBack)
  state.round.merge = mergeRuleOf(state)
  state.mergesAsked += 1
  return [{ type: 'aggregate', job: pendingAggregation(state) }]
}

/** Those who are late keep their leases until the prolonged box has closed. */
function extendRound(
  state: CoordinatorState,
  now: number,
  { reason }: Quorum,
): CoordinatorEffect[] {
  const { round, config, leases, derived } = state
  round.extended = true
  round.closesAt = null
  round.boxEndsAt = now + config.round.seconds * 1000 * EXTENSION_SHARE
  const deadlineAt = round.boxEndsAt + config.round.graceSeconds * 1000
  for (const held of leases.values()) {
    if (held.stage !== 'leased') continue
    held.deadlineAt = deadlineAt
    pushDeadline(derived.leaseDeadlines, { at: deadlineAt, key: held.leaseId })
  }
  return [
    log('warn', `${roundName(round.start.round)} is prolonged: ${reason}`),
    notify('all', { type: 'round', start: round.start }),
  ]
}

function reopenRound(state: CoordinatorState, { reason }: Quorum): CoordinatorEffect[] {
  const { start } = state.round
  const late = [...state.leases.values()]
  const revoked = late.flatMap((held) => revoke(state, held, 'the round starts again'))
  return [
    ...revoked,
    log('warn', `${roundName(start.round)} starts again: ${reason}`),
    ...reopen(state),
  ]
}

/** Same round, same base, nothing leased. */
export function reopen(state: CoordinatorState): CoordinatorEffect[] {
  const { start } = state.round
  state.phase = 'waiting'
  const isShared = isLedByProven(state)
  state.round = openRound(state.config, state.batchesCounted, { start, isShared })
  return [notify('all', { type: 'round', start })]
}
