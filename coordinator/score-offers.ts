/**
 * Scores by members. A piece is done when the coordinator has done it, or two members alike who
 * would not cover for each other; where all are trusted one is enough. Members take pieces from the
 * beginning and the coordinator from the end, what is in their hands too when nothing else is left:
 * so members make it faster, and nobody waits for one.
 */
import type { LeaseId, PeerId } from '../protocol/index.ts'
import { isDoubtful, mayCheck } from './auditors.ts'
import type { CoordinatorEffect } from './effect.ts'
import { answer, changed, type Outcome, type RequestEvent, unchanged } from './outcome.ts'
import { isProven } from './record.ts'
import { alikeOf, answersTo, pieceOf } from './score-pieces.ts'
import type { PendingScores, ScorePiece } from './score-state.ts'
import type { CoordinatorState, Member } from './state.ts'

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

/** Nobody looks at what two say alike: among strangers that takes work that was found right. */
function maySpeak(state: CoordinatorState, peer: PeerId): boolean {
  if (state.config.audit.trust === 'strangers') return isProven(state, peer)
  return !isDoubtful(state.records.get(peer))
}

function pickPiece(
  state: CoordinatorState,
  pending: PendingScores,
  member: Member,
): ScorePiece | undefined {
  if (!maySpeak(state, member.peer)) return undefined
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
