/**
 * Scores by members. A piece is done when the coordinator has done it, or two members alike who
 * would not cover for each other; where all are trusted one is enough. Members take pieces from the
 * beginning and the coordinator from the end, what is in their hands too when nothing else is left:
 * so members make it faster, and nobody waits for one.
 */
import {
  ANSWER_TOKENS_MAX,
  CHOICES_MAX,
  counted,
  type LeaseId,
  type PeerId,
  type RequestOf,
  type ScoredRow,
} from '../protocol/index.ts'
import { mayCheck } from './auditors.ts'
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
  ALIKE,
  answersTo,
  isSame,
  type PendingScores,
  pieceOf,
  releasePieces,
  type ScorePiece,
} from './score-pieces.ts'
import type { CoordinatorState, Member } from './state.ts'
import { err } from './verdicts.ts'

/**
 * A piece for a member that asks for work: one between two leases, or while it would have to wait.
 * Asked again, the same once more. Null: there is none.
 */
export function offerPiece(
  state: CoordinatorState,
  event: RequestEvent,
  member: Member,
  isIdle: boolean,
): Outcome | null {
  const [pending] = state.scoresPending
  if (state.config.scoring?.asked === undefined || pending === undefined) return null
  const { scoring, scoreTurn } = member
  const known = scoring === null ? undefined : pieceOf(pending, scoring)
  if (known !== undefined) return unchanged(offerOf(event, pending, known, scoring!))
  if (scoreTurn === 'never' || (scoreTurn === 'after-lease' && !isIdle)) return null
  const piece = pickPiece(state, pending, member)
  if (piece === undefined) return null
  const leaseId = state.nextLeaseId
  state.nextLeaseId += 1
  member.scoring = leaseId
  member.scoreTurn = 'after-lease'
  piece.out.push({ leaseId, peer: member.peer })
  return changed(offerOf(event, pending, piece, leaseId))
}

function offerOf(
  event: RequestEvent,
  { adapter, checkpoint }: PendingScores,
  { first, rows }: ScorePiece,
  leaseId: LeaseId,
): CoordinatorEffect {
  return answer(event, { type: 'score', leaseId, adapter, checkpoint, first, rows })
}

const alikeOf = ({ config }: CoordinatorState): number =>
  config.audit.trust === 'everyone' ? 1 : ALIKE

function pickPiece(
  state: CoordinatorState,
  pending: PendingScores,
  member: Member,
): ScorePiece | undefined {
  const blockOf = (peer: PeerId) => state.members.get(peer)?.block ?? null
  return pending.pieces.find((piece, index) => {
    const { outcomes, out } = piece
    if (outcomes !== null || index === pending.own) return false
    const answers = answersTo(pending, piece)
    if (out.length + answers.length >= alikeOf(state)) return false
    const others = [...answers, ...out.map(({ peer }) => ({ peer, block: blockOf(peer) }))]
    return others.every((other) => mayCheck(state, other, member))
  })
}

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
  if (misfit !== null) return unchanged(refuse(event, 'wrong-batches', misfit))
  member.scoring = null
  recordOf(state, peer).works += 1
  piece.out = piece.out.filter((each) => each.leaseId !== leaseId)
  pending!.answers.push({ first: piece.first, leaseId, peer, block: member.block, outcomes })
  const scored = answer(event, { type: 'scored', leaseId })
  const alike = answersTo(pending!, piece).filter((each) => isSame(each.outcomes, outcomes))
  if (alike.length < alikeOf(state)) return changed(scored)
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
  const { questions } = config.scoring!
  for (const [index, row] of outcomes.entries()) {
    const isQuestion = first + index < questions
    const isRight = isQuestion
      ? row.length === 2 && row.every((choice) => choice <= CHOICES_MAX)
      : row.length <= ANSWER_TOKENS_MAX
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
