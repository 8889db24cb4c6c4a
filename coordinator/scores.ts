/**
 * Scores: how adapters do on the run's own questions and prompts, measured by the host beside the
 * rounds, for which nobody waits. An adapter whose turn comes while an earlier one is being scored
 * has none, and that is said and counted; the last adapter of a run is scored in any case.
 */
import { log, roundName, scoreWords } from '../protocol/index.ts'
import type { CoordinatorEffect } from './effect.ts'
import type { CoordinatorEventOf } from './event.ts'
import { changed, type Outcome, unchanged } from './outcome.ts'
import type { CoordinatorState, PendingEvaluation } from './state.ts'

/** One in progress, and the last of the run. */
export const SCORES_PENDING_MAX = 2

/** Asks for the scores of an adapter, if it is its turn. `isLast`: the run is over with it. */
export function askForScores(
  state: CoordinatorState,
  scored: PendingEvaluation,
  isLast = false,
): CoordinatorEffect[] {
  const { scoring } = state.config
  if (scoring === undefined) return []
  if (!isLast && scored.round % scoring.everyRounds !== 0) return []
  const inProgress = state.scoresPending[0]
  if (inProgress !== undefined && !isLast) {
    const early = `those of the adapter ${nameOf(inProgress.round)} are not ready`
    return [missing(state, scored.round, early)]
  }
  state.scoresPending.push(scored)
  return [{ type: 'score', ...scored }]
}

export function onScored(
  state: CoordinatorState,
  { round, adapter, scores, reason }: CoordinatorEventOf<'scored'>,
): Outcome {
  const asked = state.scoresPending.find((each) => each.round === round)
  if (asked === undefined || asked.adapter !== adapter) return unchanged()
  state.scoresPending = state.scoresPending.filter((each) => each !== asked)
  if (scores === null) return changed(missing(state, round, reason ?? 'the host says not why'))
  state.scores.push({ round, ...scores })
  state.scores.sort((a, b) => a.round - b.round)
  return changed(log('info', `scores ${nameOf(round)}: ${scoreWords(scores)}`))
}

function missing(state: CoordinatorState, round: number, why: string): CoordinatorEffect {
  state.scoresMissing += 1
  const count = `${state.scoresMissing} missing in this run so far`
  return log('warn', `no scores of the adapter ${nameOf(round)}, as ${why}; ${count}`)
}

const nameOf = (round: number): string =>
  round === 0 ? 'before round 1' : `after ${roundName(round - 1)}`
