/** The adapters of a run by what its organiser goes by: the held-out loss, or a score. */
import { costOf, metricOf, type RankedRound } from '../protocol/index.ts'
import type { CoordinatorState } from './state.ts'

/** Those that were measured by what the organiser goes by, in order of rounds. */
export function rankedRounds({
  config,
  evaluations,
  scores,
}: Pick<CoordinatorState, 'config' | 'evaluations' | 'scores'>): RankedRound[] {
  const metric = metricOf(config.training.metric)
  if (metric === null) return evaluations.map(({ round, loss }) => ({ round, cost: loss }))
  return scores.map((each) => ({ round: each.round, cost: costOf(each, metric) }))
}
