/**
 * What an epoch has of each dataset: its sequences or examples as often as the dataset's `weight`
 * says, of what is trained on alone, so that nothing which is held out is trained on.
 */
import { prng, shuffle } from '../../protocol/index.ts'

export interface Shares {
  /** The dataset of each place, as an index. */
  owners: readonly number[]
  /** How often an epoch has what each dataset has. */
  weights: readonly number[]
}

export const isWeighted = ({ weights }: Shares): boolean => weights.some((weight) => weight !== 1)

/**
 * The places that an epoch visits, in its order. Of a dataset of `n` places and weight w, all are
 * there so many times as w has whole ones, and of the rest of w a share that `train` has first.
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

function weighted(train: readonly number[], { owners, weights }: Shares): number[] {
  return weights.flatMap((weight, dataset) => {
    const places = train.filter((place) => owners[place] === dataset)
    return repeated(places, weight)
  })
}

function repeated(places: readonly number[], weight: number): number[] {
  const whole = Math.floor(weight)
  const rest = Math.round((weight - whole) * places.length)
  const copies = Array.from({ length: whole }, () => places).flat()
  return copies.concat(places.slice(0, rest))
}
