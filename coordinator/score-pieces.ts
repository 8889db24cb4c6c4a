/** Rows to score, piece by piece: which are whose, and what the coordinator does itself. */
import { type LeaseId, type RunConfig, SCORE_PIECE_MAX, type ScoredRow } from '../protocol/index.ts'
import type { CoordinatorEffect } from './effect.ts'
import { notify } from './outcome.ts'
import { memberHere } from './roster.ts'
import type { PendingScores, ScoreAnswer, ScorePiece } from './score-state.ts'
import type { CoordinatorState, Member } from './state.ts'

/** Where not all are trusted, so many members have to say the same. */
export const ALIKE = 2

/** So many members have to say the same of a piece. */
export const alikeOf = ({ config }: CoordinatorState): number =>
  config.audit.trust === 'everyone' ? 1 : ALIKE

/** What members do comes in pieces; what the coordinator does alone is one. */
export function piecesOf({
  asked,
  questions,
  prompts,
}: NonNullable<RunConfig['scoring']>): ScorePiece[] {
  const all = questions + prompts
  const size = asked === undefined ? all : SCORE_PIECE_MAX
  return Array.from({ length: Math.ceil(all / size) }, (_, index) => {
    const first = index * size
    return { first, rows: Math.min(size, all - first), out: [], outcomes: null }
  })
}

/** What is in dispute, then what nobody has begun, from the end; null: nothing is left. */
export function nextOwnPiece(pending: PendingScores): number | null {
  const { pieces } = pending
  const left = [...pieces.keys()].filter((index) => pieces[index]!.outcomes === null).reverse()
  const answers = (index: number) => answersTo(pending, pieces[index]!).length
  const disputed = left.find((index) => answers(index) >= ALIKE)
  const fresh = left.find((index) => answers(index) + pieces[index]!.out.length === 0)
  return disputed ?? fresh ?? left[0] ?? null
}

export const answersTo = ({ answers }: PendingScores, { first }: ScorePiece): ScoreAnswer[] =>
  answers.filter((each) => each.first === first)

export const pieceOf = ({ pieces }: PendingScores, leaseId: LeaseId): ScorePiece | undefined =>
  pieces.find(({ out }) => out.some((each) => each.leaseId === leaseId))

/** Whoever is at one of them has nothing to do with it any more. */
export function releasePieces(
  state: CoordinatorState,
  pieces: readonly ScorePiece[],
): CoordinatorEffect[] {
  const effects: CoordinatorEffect[] = []
  for (const piece of pieces) {
    for (const { peer, leaseId } of piece.out) {
      const member = state.members.get(peer)
      if (member?.scoring === leaseId) member.scoring = null
      if (memberHere(state, peer) === null) continue
      effects.push(notify(peer, { type: 'revoked', leaseId, reason: 'its rows are scored' }))
    }
    piece.out = []
  }
  return effects
}

/** The member has gone, or cannot: somebody else may have its piece. */
export function freePieceOf({ scoresPending }: CoordinatorState, member: Member): void {
  for (const { pieces } of scoresPending) {
    for (const piece of pieces) piece.out = piece.out.filter(({ peer }) => peer !== member.peer)
  }
  member.scoring = null
}

export function isSame(one: readonly ScoredRow[], other: readonly ScoredRow[]): boolean {
  return one.every((row, index) => {
    const beside = other[index]!
    return row.length === beside.length && row.every((value, at) => value === beside[at])
  })
}

/** What the coordinator works on: asked for again when its process has started anew. */
export function ownScoring({ scoresPending: [pending] }: CoordinatorState): CoordinatorEffect[] {
  if (pending === undefined) return []
  const { round, adapter, checkpoint, own, pieces } = pending
  if (own === null) {
    const outcomes = pieces.flatMap((piece) => piece.outcomes!)
    return [{ type: 'sum-up-scores', round, adapter, outcomes }]
  }
  const { first, rows } = pieces[own]!
  return [{ type: 'score', round, adapter, checkpoint, first, rows }]
}
