/**
 * Scores: how adapters do on the run's own questions and prompts, measured beside the rounds, for
 * which nobody waits. An adapter whose turn comes while an earlier one is being scored has none,
 * and that is said and counted; the last adapter of a run is scored in any case.
 *
 * The coordinator does the rows piece by piece, and members, where the run lets them, do others
 * between two leases; see score-answers.ts. Which answers are right only the coordinator knows.
 */
import { counted, log, roundName, SCORE_MS_MAX, scoreWords } from '../protocol/index.ts'
import type { CoordinatorEffect } from './effect.ts'
import type { CoordinatorEventOf } from './event.ts'
import { changed, type Outcome, unchanged } from './outcome.ts'
import { judgePiece } from './score-answers.ts'
import { nextOwnPiece, ownScoring, piecesOf, releasePieces } from './score-pieces.ts'
import type { PendingScores } from './score-state.ts'
import type { CoordinatorState, PendingEvaluation } from './state.ts'

/** One in progress, and the last of the run. */
export const SCORES_PENDING_MAX = 2

/** Asks for the scores of an adapter, if it is its turn. `isLast`: the run is over with it. */
export function askForScores(
  state: CoordinatorState,
  scored: PendingEvaluation,
  at: number,
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
  state.scoresPending.push({
    ...scored,
    begunAt: null,
    own: null,
    pieces: piecesOf(scoring),
    answers: [],
  })
  return inProgress === undefined ? beginScores(state, at) : []
}

/** The first that is pending, if it has not begun. */
function beginScores(state: CoordinatorState, at: number): CoordinatorEffect[] {
  const [pending] = state.scoresPending
  if (pending === undefined || pending.begunAt !== null) return []
  pending.begunAt = at
  return goOnScoring(state)
}

/** The coordinator's next piece, or what all of them come to. */
function goOnScoring(state: CoordinatorState): CoordinatorEffect[] {
  const [pending] = state.scoresPending
  if (pending === undefined || pending.own !== null) return []
  pending.own = nextOwnPiece(pending)
  return ownScoring(state)
}

/** The coordinator has done a piece itself. */
export function onPieceScored(
  state: CoordinatorState,
  { at, round, adapter, first, outcomes, reason }: CoordinatorEventOf<'piece-scored'>,
): Outcome {
  const [pending] = state.scoresPending
  if (pending === undefined || pending.round !== round || pending.adapter !== adapter) {
    return unchanged()
  }
  const piece = pending.own === null ? undefined : pending.pieces[pending.own]
  if (piece === undefined || piece.first !== first) return unchanged()
  pending.own = null
  if (outcomes === null) return changed(...endScores(state, at, reason ?? 'the host says not why'))
  const effects = judgePiece(state, pending, piece, outcomes)
  const isLeft = pending.pieces.some((each) => each.outcomes === null)
  if (isLeft && at - pending.begunAt! > SCORE_MS_MAX) {
    const why = `they take more than ${SCORE_MS_MAX / 60_000} minutes: give fewer rows`
    return changed(...effects, ...endScores(state, at, why))
  }
  return changed(...effects, ...goOnScoring(state))
}

export function onScored(
  state: CoordinatorState,
  { at, round, adapter, scores, reason }: CoordinatorEventOf<'scored'>,
): Outcome {
  const [pending] = state.scoresPending
  if (pending === undefined || pending.round !== round || pending.adapter !== adapter) {
    return unchanged()
  }
  if (scores === null) return changed(...endScores(state, at, reason ?? 'the host says not why'))
  state.scores.push({ round, ...scores })
  state.scores.sort((a, b) => a.round - b.round)
  const text = `scores ${nameOf(round)}: ${scoreWords(scores)}${sharedWords(pending)}`
  return changed(log('info', text), ...endScores(state, at, null))
}

/** How much of it members did. */
function sharedWords({ pieces, answers }: PendingScores): string {
  const shared = new Set(answers.map(({ first }) => first)).size
  if (shared === 0) return ''
  return ` (volunteers did ${shared} of ${counted(pieces.length, 'piece')})`
}

/** It is over, with `why` there are no scores; the next begins. */
function endScores(state: CoordinatorState, at: number, why: string | null): CoordinatorEffect[] {
  const pending = state.scoresPending.shift()!
  return [
    ...(why === null ? [] : [missing(state, pending.round, why)]),
    ...releasePieces(state, pending.pieces),
    ...beginScores(state, at),
  ]
}

/** The coordinator was away for so long. */
export function moveScores({ scoresPending }: CoordinatorState, byMs: number): void {
  for (const pending of scoresPending) if (pending.begunAt !== null) pending.begunAt += byMs
}

/** Scores of those adapters are of no use any more. */
export function dropScores(
  state: CoordinatorState,
  isLeft: (scored: { round: number }) => boolean,
  at: number,
): CoordinatorEffect[] {
  const dropped = state.scoresPending.filter((pending) => !isLeft(pending))
  state.scores = state.scores.filter(isLeft)
  state.scoresPending = state.scoresPending.filter(isLeft)
  const effects = dropped.flatMap(({ pieces }) => releasePieces(state, pieces))
  return [...effects, ...beginScores(state, at)]
}

function missing(state: CoordinatorState, round: number, why: string): CoordinatorEffect {
  state.scoresMissing += 1
  const count = `${state.scoresMissing} missing in this run so far`
  return log('warn', `no scores of the adapter ${nameOf(round)}, as ${why}; ${count}`)
}

const nameOf = (round: number): string =>
  round === 0 ? 'before round 1' : `after ${roundName(round - 1)}`
