/** What members make of rows to score: taken where it is alike, judged by the coordinator's own. */
import {
  ANSWER_TOKENS_MAX,
  CHOICES_MAX,
  counted,
  type LeaseId,
  type RequestOf,
  type ScoredRow,
} from '../protocol/index.ts'
import type { CoordinatorEffect } from './effect.ts'
import {
  answer,
  changed,
  type Outcome,
  type Refused,
  type RequestEvent,
  refuse,
  unchanged,
} from './outcome.ts'
import { recordOf } from './record.ts'
import { memberHere } from './roster.ts'
import {
  alikeOf,
  answersLike,
  answersTo,
  freePieceOf,
  isSame,
  pieceOf,
  releasePieces,
} from './score-pieces.ts'
import type { PendingScores, ScorePiece } from './score-state.ts'
import type { CoordinatorState } from './state.ts'
import { err } from './verdicts.ts'

export function onScoreAnswer(
  state: CoordinatorState,
  event: RequestEvent,
  { leaseId, outcomes }: RequestOf<'score'>,
): Outcome {
  const { peer } = event
  const member = memberHere(state, peer)
  if (member === null) return unchanged(refuse(event, 'not-joined', 'join first'))
  const [pending] = state.scoresPending
  const isIts = member.scoring === leaseId && pending !== undefined
  const piece = isIts ? pieceOf(pending, leaseId) : undefined
  if (piece === undefined) return unchanged(refuse(event, ...notIts(state, leaseId)))
  const misfit = misfitOf(state, piece, outcomes)
  if (misfit !== null) {
    // What it cannot do now it could not do the next time either.
    freePieceOf(state, member)
    member.scoreTurn = 'never'
    return changed(refuse(event, 'wrong-batches', misfit))
  }
  member.scoring = null
  recordOf(state, peer).works += 1
  piece.out = piece.out.filter((each) => each.leaseId !== leaseId)
  pending!.answers.push({ first: piece.first, leaseId, peer, block: member.block, outcomes })
  const scored = answer(event, { type: 'scored', leaseId })
  if (answersLike(pending!, piece, outcomes).length < alikeOf(state)) return changed(scored)
  piece.outcomes = outcomes
  return changed(scored, ...releasePieces(state, [piece]))
}

function notIts(state: CoordinatorState, leaseId: LeaseId): Refused {
  return leaseId < state.nextLeaseId
    ? ['lease-expired', `the rows of ${leaseId} are scored`]
    : ['unknown-lease', `there are no rows ${leaseId} to score`]
}

/** How it is of another form than what was asked; null: it is not. */
function misfitOf(
  { config }: CoordinatorState,
  { first, rows }: ScorePiece,
  outcomes: readonly ScoredRow[],
): string | null {
  if (outcomes.length !== rows) return `${counted(outcomes.length, 'row')} in place of ${rows}`
  const { scoring, base } = config
  const { questions } = scoring!
  for (const [index, row] of outcomes.entries()) {
    const isQuestion = first + index < questions
    const isRight = isQuestion
      ? row.length === 2 && row.every((choice) => choice <= CHOICES_MAX)
      : row.length <= ANSWER_TOKENS_MAX && row.every((id) => id < base.shape.vocabSize)
    if (!isRight) {
      return `row ${first + index} is answered as no ${isQuestion ? 'question' : 'prompt'}`
    }
  }
  return null
}

/** The coordinator has done it: whoever got something else has erred. */
export function judgePiece(
  state: CoordinatorState,
  pending: PendingScores,
  piece: ScorePiece,
  outcomes: ScoredRow[],
): CoordinatorEffect[] {
  piece.outcomes = outcomes
  const wrong = answersTo(pending, piece).filter((each) => !isSame(each.outcomes, outcomes))
  return [
    ...wrong.flatMap(({ peer, leaseId }) => err(state, peer, leaseId, false)),
    ...releasePieces(state, [piece]),
  ]
}
