/** Which adapter answers beside the base. Pure. */
import type { RoundRow } from './rows.ts'

export type AdapterChoice =
  /** `round` counts from 1, as people do. */
  { status: 'adapter'; round: number; digest: string } | { status: 'no-adapter'; reason: string }

/** The adapters that there are, newest first. */
export function adaptersOf(rounds: Iterable<RoundRow>): { round: number; digest: string }[] {
  return [...rounds]
    .flatMap(({ round, adapter }) =>
      adapter === null ? [] : [{ round: round + 1, digest: adapter }],
    )
    .sort((a, b) => b.round - a.round)
}

/** @param wanted a round, from 1; null: the newest that has one */
export function chooseAdapter(rounds: Iterable<RoundRow>, wanted: number | null): AdapterChoice {
  const all = adaptersOf(rounds)
  const chosen = wanted === null ? all[0] : all.find(({ round }) => round === wanted)
  if (chosen !== undefined) return { status: 'adapter', ...chosen }
  const reason =
    wanted === null
      ? 'There is no adapter yet: the first comes when a round is merged. Until then the base ' +
        'answers alone.'
      : `There is no adapter of round ${wanted}.`
  return { status: 'no-adapter', reason }
}
