/** Who answers, of the base and the adapters of all rounds. Pure. */
import type { Voice } from '../tab/text-messages.ts'
import type { RoundRow } from './rows.ts'

/** Each writes in its turn: more of them would take long, and a page has room for so many. */
export const VOICES_MAX = 6

export interface Choice {
  /** Those whom one may choose, the base first, then by round. */
  offered: Voice[]
  chosen: Voice[]
  /** The rounds of all adapters, newest first. */
  rounds: number[]
}

/**
 * @param wanted rounds, from 1, and 0 for the base; null: the base beside the newest. First, middle
 *   and newest are offered, and whoever else is wanted.
 */
export function chooseVoices(rows: Iterable<RoundRow>, wanted: ReadonlySet<number> | null): Choice {
  const adapters = [...rows]
    .flatMap(({ round, adapter }) => (adapter === null ? [] : [{ round: round + 1, adapter }]))
    .sort((a, b) => a.round - b.round)
  const spread = [0, Math.floor((adapters.length - 1) / 2), adapters.length - 1]
  const first = new Set(spread.map((index) => adapters[index]?.round))
  const base: Voice = { round: 0, adapter: null }
  const offered = [base, ...adapters.filter(({ round }) => first.has(round) || wanted?.has(round))]
  const newest = adapters.at(-1)
  const chosen = wanted === null ? [base, newest] : offered.filter(({ round }) => wanted.has(round))
  return {
    offered,
    chosen: chosen.filter((voice) => voice !== undefined),
    rounds: adapters.map(({ round }) => round).reverse(),
  }
}
