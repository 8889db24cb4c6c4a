/** The scores of a run in one line. Runs in a browser as in Node. */
import { type RoundScores, SCORE_NAMES, type Scores } from '../../protocol/index.ts'
import type { RoundRow } from './rows.ts'

/**
 * `Scores after round 8: acc 50.0 → 61.2 %, exact_match 12.0 %.`: of the latest adapter that has
 * any, against those of what the run began with. Null: there are none.
 */
export function scoreLine(rows: Iterable<RoundRow>): string | null {
  const scored = [...rows].flatMap(({ round, scores }) =>
    scores === undefined ? [] : [{ round, ...scores }],
  )
  return scoreLineOf(scored.sort((a, b) => a.round - b.round))
}

/** @param scored in the order of rounds */
export function scoreLineOf(scored: readonly RoundScores[]): string | null {
  const latest = scored.at(-1)
  if (latest === undefined) return null
  const [first] = scored
  const base = first!.round === 0 && latest.round > 0 ? first! : null
  const words = SCORE_NAMES.flatMap(([field, name]) => wordsOf(name, field, base, latest))
  const when = latest.round === 0 ? 'before round 1' : `after round ${latest.round}`
  return `Scores ${when}: ${words.join(', ')}.`
}

function wordsOf(name: string, field: keyof Scores, base: Scores | null, latest: Scores): string[] {
  const [before, after] = [base?.[field], latest[field]]
  if (after === undefined) return []
  const percent = (share: number) => (100 * share).toFixed(1)
  return [`${name} ${before === undefined ? '' : `${percent(before)} → `}${percent(after)} %`]
}
