/**
 * What ends a run: its batches are counted, the limit of its rounds is reached, or its held-out
 * loss has stopped falling.
 */
import { counted, ROUNDS_MAX } from '../protocol/index.ts'
import type { CoordinatorState } from './state.ts'

/** The last adapter is merged, its held-out loss is known, and the draws can be checked. */
export function isDone(state: CoordinatorState): boolean {
  const { phase, evaluationsPending, isCoinPublished } = state
  return phase === 'finished' && evaluationsPending.length === 0 && isCoinPublished
}

type Standing = Pick<CoordinatorState, 'config' | 'batchesCounted' | 'round' | 'evaluations'>

/** The end in words; null: the run goes on. */
export function endingOf({ config, batchesCounted, round, evaluations }: Standing): string | null {
  const { batchesMax, roundsMax, patience } = config.training
  const rounds = round.start.round
  if (batchesCounted >= batchesMax) return `all ${batchesMax} batches are counted`
  const worse = roundsSinceBest(evaluations)
  if (patience !== undefined && worse >= patience) {
    return `the held-out loss has not fallen for ${counted(worse, 'round')}`
  }
  if (rounds < (roundsMax ?? ROUNDS_MAX)) return null
  return (
    `the limit of rounds (${roundsMax ?? ROUNDS_MAX}) is reached, ` +
    `with ${batchesCounted} of ${counted(batchesMax, 'batch')} counted`
  )
}

/** The end of a run that is over: a loss that came in afterwards may be the best of all. */
export function endedBy(state: Standing): string {
  return endingOf(state) ?? 'the held-out loss had stopped falling'
}

/** How many rounds were measured after the one with the least loss. */
function roundsSinceBest(evaluations: CoordinatorState['evaluations']): number {
  let best = 0
  evaluations.forEach(({ loss }, index) => {
    if (loss < evaluations[best]!.loss) best = index
  })
  return Math.max(0, evaluations.length - 1 - best)
}
