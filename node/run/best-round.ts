/** Which adapter of a run to keep. Pure: it runs in a browser as in Node. */

export interface MeasuredRound {
  /** The adapter after so many rounds; 0 is the base. */
  round: number
  /** Loss on the held-out text, in nats per token. */
  loss: number
}

/**
 * The round whose adapter has the least held-out loss, the earliest of equals: a later one may have
 * learned the training text by heart. Null: no adapter has been measured.
 */
export function bestRound(measured: readonly MeasuredRound[]): number | null {
  const adapters = measured.filter(({ round }) => round > 0)
  if (adapters.length === 0) return null
  return adapters.reduce((best, one) => (isBetter(one, best) ? one : best)).round
}

function isBetter(one: MeasuredRound, other: MeasuredRound): boolean {
  return one.loss < other.loss || (one.loss === other.loss && one.round < other.round)
}
