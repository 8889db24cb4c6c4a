/**
 * What scores are called, and which of two adapters is the better. The names are those of the
 * Language Model Evaluation Harness (Gao et al.): acc, acc_norm, exact_match.
 */
import type { Scores } from './messages.ts'
import type { ScoreMetric } from './run-config.ts'

export const SCORE_NAMES: readonly (readonly [field: keyof Scores, name: ScoreMetric])[] = [
  ['acc', 'acc'],
  ['accNorm', 'acc_norm'],
  ['exactMatch', 'exact_match'],
]

/** `acc 61.2 %, acc_norm 63.0 %`: those that there are. */
export function scoreWords(scores: Scores): string {
  return SCORE_NAMES.flatMap(([field, name]) => {
    const share = scores[field]
    return share === undefined ? [] : [`${name} ${(100 * share).toFixed(1)} %`]
  }).join(', ')
}

/** `accuracy 75.0 %, margin 0.4000`: what stands beside a loss where answers are rated. */
export function ratedWords({ accuracy, margin }: { accuracy: number; margin: number }): string {
  return `accuracy ${(100 * accuracy).toFixed(1)} %, margin ${margin.toFixed(4)}`
}

/** The score that tells which of two adapters is the better; null: the held-out loss does. */
export function metricOf(metric: ScoreMetric | undefined): keyof Scores | null {
  return SCORE_NAMES.find(([, name]) => name === metric)?.[0] ?? null
}

/** An adapter by what the organiser goes by. */
export interface RankedRound {
  /** The adapter after so many rounds; 0 is what the run begins with. */
  round: number
  /** What is to be least: the held-out loss, or the share of answers that are not right. */
  cost: number
}

/** An adapter without that score is as bad as can be. */
export const costOf = (scores: Scores, metric: keyof Scores): number => 1 - (scores[metric] ?? 0)
