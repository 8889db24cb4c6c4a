/** Who answers, of the base and the adapters of all rounds. Pure. */

import type { RankedRound, ScoreMetric } from '../../../protocol/index.ts'
import type { RoundRow } from '../../history/rows.ts'
import { measuredOf } from '../../history/verdict.ts'
import { bestRound } from '../../run/best-round.ts'
import type { Voice } from '../tab/text-messages.ts'

/** Each writes in its turn: more of them would take long, and a page has room for so many. */
export const VOICES_MAX = 6

export interface Choice {
  /** Those whom one may choose, the base first, then by round. */
  offered: Voice[]
  chosen: Voice[]
  /** The rounds of all adapters, newest first. */
  rounds: number[]
  /** The one that did best, or the newest where none is measured; null: there is no adapter. */
  best: number | null
}

/**
 * @param wanted rounds, from 1, and 0 for the base; null: the base beside the best adapter. First,
 *   middle, newest and best are offered, and whoever else is wanted.
 * @param metric by which the best is told; left out: by the held-out loss
 */
export function chooseVoices(
  rows: Iterable<RoundRow>,
  wanted: ReadonlySet<number> | null,
  metric?: ScoreMetric,
): Choice {
  const all = [...rows]
  const adapters = all
    .flatMap(({ round, adapter }) => (adapter === null ? [] : [{ round: round + 1, adapter }]))
    .sort((a, b) => a.round - b.round)
  const newest = adapters.at(-1)
  const best = adapters.find(({ round }) => round === bestRound(rankedOf(all, metric))) ?? newest
  const spread = [adapters[0], adapters[Math.floor((adapters.length - 1) / 2)], newest, best]
  const shown = new Set(spread.map((voice) => voice?.round))
  const base: Voice = { round: 0, adapter: null }
  const offered = [base, ...adapters.filter(({ round }) => shown.has(round) || wanted?.has(round))]
  const chosen = wanted === null ? [base, best] : offered.filter(({ round }) => wanted.has(round))
  return {
    offered,
    chosen: chosen.filter((voice) => voice !== undefined),
    rounds: adapters.map(({ round }) => round).reverse(),
    best: best?.round ?? null,
  }
}

function rankedOf(rows: readonly RoundRow[], metric: ScoreMetric | undefined): RankedRound[] {
  return measuredOf(rows, metric).flatMap(({ round, cost }) =>
    cost === null ? [] : [{ round, cost }],
  )
}
