/** How long the examples of a run's data are, in words, to choose `sequence_len` by. */
import type { DataFigures } from '../setup/data-figures.ts'

type Lengths = Pick<DataFigures, 'quantiles' | 'longer'>

/** `50 % have at most 120 tokens, 90 % 310` */
export function quantileWords({ quantiles }: Lengths): string {
  const parts = quantiles.map(
    ({ share, tokens }, i) =>
      `${100 * share} % ${i === 0 ? `have at most ${tokens} tokens` : tokens}`,
  )
  return parts.join(', ')
}

/** `256: 12.5 %, 512: 0 %` */
export function longerWords({ longer }: Lengths): string {
  const parts = longer.map(({ sequenceLength, share }) => `${sequenceLength}: ${percent(share)}`)
  return parts.join(', ')
}

/** Few is not none. */
function percent(share: number): string {
  if (share === 0) return 'none'
  return share < 0.001 ? 'below 0.1 %' : `${Number((100 * share).toFixed(1))} %`
}
