/**
 * Scores: what they are made of, what they are called, and which of two adapters is the better. The
 * names are those of the Language Model Evaluation Harness (Gao et al.): acc, acc_norm,
 * exact_match.
 */
import { blobReference } from './blob-reference.ts'
import * as limits from './limits.ts'
import type { ScoreMetric } from './run-config.ts'
import { digest, type Infer, integer, list, nullable, optional, real, struct } from './schema.ts'

const share = real(0, 1)

/** How an adapter does on the run's questions and prompts: each is the share that is right. */
export const scoresSchema = struct({
  /** Questions whose right choice is the likeliest; absent where the run has none. */
  acc: optional(share),
  /** The same by log-likelihood for each byte of the choice. */
  accNorm: optional(share),
  /** Prompts that are answered as expected; absent where the run has none. */
  exactMatch: optional(share),
})
export type Scores = Infer<typeof scoresSchema>

/** Those of the adapter that starts `round`. */
export const roundScoresSchema = struct({
  round: integer(0, limits.ROUNDS_MAX),
  ...scoresSchema.fields,
})
export type RoundScores = Infer<typeof roundScoresSchema>

/**
 * What an adapter makes of one row. Of a question: which choice is the likeliest, and which for
 * each byte of it, `CHOICES_MAX` where none is. Of a prompt: the ids that it writes.
 */
export const scoredRow = list(integer(0, limits.VOCABULARY_MAX - 1), 0, limits.ANSWER_TOKENS_MAX)
export type ScoredRow = Infer<typeof scoredRow>

/** Rows of a run that an adapter is to be scored on. */
export const rowsToScore = {
  /** No checkpoint: the base alone. */
  adapter: digest,
  checkpoint: nullable(blobReference),
  /** Rows `first` .. `first + rows - 1`, the questions before the prompts. */
  first: integer(0, 2 * limits.SCORED_ROWS_MAX),
  rows: integer(1, limits.SCORE_PIECE_MAX),
}

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
