/** Which steps to train again, drawn with a seed, so that who doubts the draw can repeat it. */
import { type LeaseId, nextFraction, prng, shuffle } from '../../protocol/index.ts'
import type { RunRecord } from './read-record.ts'
import type { ReplayPick } from './replay-steps.ts'

type Counted = { state: Pick<RunRecord['state'], 'history'> }

/**
 * What leads to the adapter that the run has come to: leases with all their steps. What
 * was merged and is taken back is not among them, be it one volunteer's work, or a round's that the
 * gate refused or that the run went back behind.
 */
function countedPicks({ state }: Counted): ReplayPick[] {
  return state.history.flatMap(({ contributions }) =>
    contributions.map(({ leaseId, steps }) => ({ leaseId, steps })),
  )
}

export function countedSteps(record: Counted): number {
  return stepsOf(countedPicks(record))
}

/** Steps that were merged once, and count no more. */
export function takenBackSteps(record: Counted & Pick<RunRecord, 'merges'>): number {
  const merged = record.merges.flatMap(({ job, claimed }) => {
    const rejected = new Set<LeaseId>(claimed.rejected.map(({ leaseId }) => leaseId))
    return job.contributions.filter(({ leaseId }) => !rejected.has(leaseId))
  })
  return stepsOf(merged) - countedSteps(record)
}

export const stepsOf = (picks: readonly Pick<ReplayPick, 'steps'>[]): number =>
  picks.reduce((sum, { steps }) => sum + steps, 0)

/** Whole leases, until they have this share of all steps: in the order of the draw. */
export function drawShare(
  record: Counted,
  { share, seed }: { share: number; seed: number },
): ReplayPick[] {
  const all = shuffle(prng(seed), countedPicks(record))
  const wanted = share * stepsOf(all)
  const drawn: ReplayPick[] = []
  let steps = 0
  for (const pick of all) {
    if (steps >= wanted) break
    drawn.push(pick)
    steps += pick.steps
  }
  return drawn
}

/**
 * So many steps, or all there are, from as many leases as there are: of each its first ones, since
 * a step needs those before it.
 */
export function drawSteps(
  record: Counted,
  { count, seed }: { count: number; seed: number },
): ReplayPick[] {
  const random = prng(seed)
  const all = shuffle(random, countedPicks(record))
  let left = count
  const taken = all.map(({ steps }) => {
    const some = Math.min(left, 1 + Math.floor(nextFraction(random) * steps))
    left -= some
    return some
  })
  const drawn = all.map(({ leaseId, steps }, index) => {
    const more = Math.min(left, steps - taken[index]!)
    left -= more
    return { leaseId, steps: taken[index]! + more }
  })
  return drawn.filter(({ steps }) => steps > 0)
}
