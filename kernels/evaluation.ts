/** What a text, or answers that are rated, come to. */
import type { Judgement } from './preference.ts'

/**
 * Sums over a batch. Where answers are rated the loss is one for each that is `rated`, and `judged`
 * is there; else one for each target token, as it is of a batch without `rejected` in any job.
 */
export interface Evaluation {
  lossSum: number
  targetTokens: number
  judged?: Judgement
}

/** The mean loss. */
export function lossOf({ lossSum, targetTokens, judged }: Evaluation): number {
  return lossSum / (judged?.rated ?? targetTokens)
}

/** Adds the sums over another part of the same text. */
export function addEvaluation(sums: Evaluation, part: Evaluation): void {
  sums.lossSum += part.lossSum
  sums.targetTokens += part.targetTokens
  if (part.judged === undefined) return
  const { rated, right, marginSum } = sums.judged ?? { rated: 0, right: 0, marginSum: 0 }
  sums.judged = {
    rated: rated + part.judged.rated,
    right: right + part.judged.right,
    marginSum: marginSum + part.judged.marginSum,
  }
}
