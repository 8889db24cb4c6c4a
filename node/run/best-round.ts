/** Which adapter of a run to keep. Pure: it runs in a browser as in Node. */
import type { RankedRound } from '../../protocol/index.ts'

/**
 * The round whose adapter is the best by what the organiser goes by, the earliest of equals: a
 * later one may have learned the training text by heart. Null: no adapter has been measured by it.
 */
export function bestRound(ranked: readonly RankedRound[]): number | null {
  const adapters = ranked.filter(({ round }) => round > 0)
  if (adapters.length === 0) return null
  return adapters.reduce((best, one) => (isBetter(one, best) ? one : best)).round
}

function isBetter(one: RankedRound, other: RankedRound): boolean {
  return one.cost < other.cost || (one.cost === other.cost && one.round < other.round)
}
