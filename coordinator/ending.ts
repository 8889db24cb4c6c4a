/**
 * What ends a run: its batches are counted, the limit of its rounds is reached, or what it is
 * measured by (its held-out loss, or a score) has stopped getting better.
 */
import { counted, type RankedRound, ROUNDS_MAX } from '../protocol/index.ts'
import { rankedRounds } from './ranking.ts'
import type { CoordinatorState } from './state.ts'

/** The last adapter is merged, it is measured in all ways, and the draws can be checked. */
export function isDone(state: CoordinatorState): boolean {
  const { phase, evaluationsPending, scoresPending, isCoinPublished } = state
  const isMeasured = evaluationsPending.length === 0 && scoresPending.length === 0
  return phase === 'finished' && isMeasured && isCoinPublished
}

type Standing = Pick<
  CoordinatorState,
  'config' | 'batchesCounted' | 'round' | 'evaluations' | 'scores'
>

/** The end in words; null: the run goes on. */
export function endingOf(state: Standing): string | null {
  const { config, batchesCounted, round } = state
  const { batchesMax, roundsMax, patience, metric } = config.training
  const rounds = round.start.round
  if (batchesCounted >= batchesMax) return `all ${batchesMax} batches are counted`
  const worse = roundsSinceBest(rankedRounds(state))
  if (patience !== undefined && worse >= patience) {
    return metric === undefined
      ? `the held-out loss has not fallen for ${counted(worse, 'round')}`
      : `${metric} has not risen for ${counted(worse, 'scored round')}`
  }
  if (rounds < (roundsMax ?? ROUNDS_MAX)) return null
  return (
    `the limit of rounds (${roundsMax ?? ROUNDS_MAX}) is reached, ` +
    `with ${batchesCounted} of ${counted(batchesMax, 'batch')} counted`
  )
}

/** The end of a run that is over: a loss that came in afterwards may be the best of all. */
export function endedBy(state: Standing): string {
  const { metric } = state.config.training
  const stopped =
    metric === undefined ? 'the held-out loss had stopped falling' : `${metric} had stopped rising`
  return endingOf(state) ?? stopped
}

/** How many rounds were measured after the best one. */
function roundsSinceBest(ranked: readonly RankedRound[]): number {
  let best = 0
  ranked.forEach(({ cost }, index) => {
    if (cost < ranked[best]!.cost) best = index
  })
  return Math.max(0, ranked.length - 1 - best)
}
