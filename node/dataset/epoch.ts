/**
 * What an epoch has of each dataset: its sequences or examples as often as the `weight` of the
 * dataset and that of a row say, of what is trained on alone, so that nothing which is held out is
 * trained on.
 */
import { prng, shuffle } from '../../protocol/index.ts'

export interface Shares {
  /** The dataset of each place, as an index. */
  owners: readonly number[]
  /** How often an epoch has what each dataset has. */
  weights: readonly number[]
  /** The same of each place, beside that; left out: once. */
  rowWeights?: readonly number[]
}

export const isWeighted = ({ weights, rowWeights = [] }: Shares): boolean =>
  [weights, rowWeights].some((all) => all.some((weight) => weight !== 1))

/**
 * The places that an epoch visits, in its order. The places of a dataset are there as often as they
 * weigh; parts of a weight go on to the next place that is drawn, so that together they come to
 * what they weigh together, rounded.
 *
 * @param train places to train on, shuffled
 * @param isInOrder whether an epoch goes through the data in the order that it has
 */
export function epochOf(
  train: readonly number[],
  shares: Shares,
  seed: number,
  isInOrder: boolean,
): number[] {
  const places = isWeighted(shares) ? weighted(train, shares) : [...train]
  if (isInOrder) return places.sort((a, b) => a - b)
  // The order of `train` is of the seed itself.
  return isWeighted(shares) ? shuffle(prng(seed + 1), places) : places
}

function weighted(train: readonly number[], { owners, weights, rowWeights }: Shares): number[] {
  const owed = weights.map(() => 1 / 2)
  return train.flatMap((place) => {
    const owner = owners[place]!
    owed[owner]! += weights[owner]! * (rowWeights?.[place] ?? 1)
    const times = Math.floor(owed[owner]!)
    owed[owner]! -= times
    return Array<number>(times).fill(place)
  })
}
