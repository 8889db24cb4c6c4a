/** How the deltas of a round become one: their mean, or their mean without the extremes. */
import { openMean } from './aggregate.ts'
import type { Arena } from './arena.ts'
import type { Codec } from './compress.ts'
import type { Ops } from './ops.ts'
import type { Combined, Row } from './row.ts'
import { openTrimmed } from './trimmed.ts'

export type MergeRule = 'mean' | 'trimmed'

export function openCombined(
  ops: Ops,
  arena: Arena,
  { merge, codec, count }: { merge: MergeRule; codec: Codec; count: number },
  rows: readonly Row[],
): Combined {
  if (merge === 'trimmed') return openTrimmed(ops, arena, { codec, count }, rows)
  const mean = openMean(ops, arena, codec, count)
  const summed = rows.filter(({ isSummed }) => isSummed)
  let added = 0
  return {
    passes: 1,
    add: (deltas) => {
      mean.add(
        deltas.map((bytes, index) => {
          const { weight, clip } = summed[added + index]!
          return { bytes, factor: weight * clip }
        }),
      )
      added += deltas.length
    },
    close: () => mean.close(rows.reduce((sum, { weight }) => sum + weight, 0)),
  }
}
