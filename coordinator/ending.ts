/** What ends a run: its batches are counted, or the limit of its rounds is reached. */
import { counted, ROUNDS_MAX } from '../protocol/index.ts'
import type { CoordinatorState } from './state.ts'

/** The last adapter is merged, its held-out loss is known, and the draws can be checked. */
export function isDone(state: CoordinatorState): boolean {
  const { phase, evaluationsPending, isCoinPublished } = state
  return phase === 'finished' && evaluationsPending.length === 0 && isCoinPublished
}

type Standing = Pick<CoordinatorState, 'config' | 'batchesCounted' | 'round'>

/** The end in words; null: the run goes on. */
export function endingOf({ config, batchesCounted, round }: Standing): string | null {
  const { batchesMax, roundsMax } = config.training
  const rounds = round.start.round
  if (batchesCounted >= batchesMax) return `all ${batchesMax} batches are counted`
  if (rounds < (roundsMax ?? ROUNDS_MAX)) return null
  return (
    `the limit of rounds (${roundsMax ?? ROUNDS_MAX}) is reached, ` +
    `with ${batchesCounted} of ${counted(batchesMax, 'batch')} counted`
  )
}
