/** The words of coordinator-language.ts that are about scores. */
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import type { CoordinatorState } from '../../coordinator/state.ts'
import { digestOfText } from '../protocol/example-config.ts'

/** The one that such a round starts from, unless another is named. */
function adapterOf(state: CoordinatorState, round: number, named: string | undefined): string {
  if (named !== undefined) return digestOfText(named)
  const starts = [...state.history.map(({ start }) => start), state.round.start]
  return starts.find((start) => start.round === round)?.base ?? digestOfText('none')
}

/** The likeliest choice of row k is k % 4. */
const outcomeOf = (row: number) => [row % 4, row % 4]

export function pieceEvent(
  state: CoordinatorState,
  at: number,
  round: number,
  { failed, adapter: named }: Record<string, string>,
): CoordinatorEvent {
  const adapter = adapterOf(state, round, named)
  const { own, pieces } = state.scoresPending[0] ?? { own: null, pieces: [] }
  const { first, rows } = pieces[own ?? 0] ?? { first: 0, rows: 1 }
  const about = { type: 'piece-scored', at, round, adapter, first } as const
  if (failed !== undefined) return { ...about, outcomes: null, reason: failed }
  const outcomes = Array.from({ length: rows }, (_, index) => outcomeOf(first + index))
  return { ...about, outcomes, reason: null }
}

export function outcomesOf(
  { scoresPending }: CoordinatorState,
  leaseId: number,
  { lie, rows: said }: Record<string, string>,
) {
  const pieces = scoresPending.flatMap((pending) => pending.pieces)
  const piece = pieces.find(({ out }) => out.some((each) => each.leaseId === leaseId))
  const { first, rows } = piece ?? { first: 0, rows: 1 }
  return Array.from({ length: Number(said ?? rows) }, (_, index) =>
    outcomeOf(first + index + (index === Number(lie ?? -1) ? 1 : 0)),
  )
}

export function scoredEvent(
  state: CoordinatorState,
  at: number,
  round: number,
  { acc, norm, exact, failed, adapter: named }: Record<string, string>,
): CoordinatorEvent {
  const about = { type: 'scored', at, round, adapter: adapterOf(state, round, named) } as const
  if (failed !== undefined) return { ...about, scores: null, reason: failed }
  const scores = {
    ...(acc !== undefined && { acc: Number(acc) }),
    ...(norm !== undefined && { accNorm: Number(norm) }),
    ...(exact !== undefined && { exactMatch: Number(exact) }),
  }
  return { ...about, scores, reason: null }
}
