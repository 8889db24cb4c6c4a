/**
 * Which deltas of a round point against all the others together. Deltas of honest work point the
 * same way a little, as they lower one loss; one that was turned round points the other way, which
 * no bound on its size shows. It proves nothing: it says whose work to repeat first.
 *
 *   delta · Σ others' factor · delta = W · (delta · m) - factor · |delta|²      m the round's mean
 *
 * with W the sum of weights and factor = weight · clip. Of a trimmed mean m, which leaves out a
 * part of each delta, this subtracts a little more than a delta's own part.
 */
import type { Arena } from './arena.ts'
import { type Codec, decodeRange } from './compress.ts'
import type { Ops } from './ops.ts'
import type { Row } from './row.ts'

/** Nobody knows which of two that disagree is the contrary one. */
const COUNT_MIN = 3
/** Scalars at a time. */
const SCALARS_AT_ONCE = 16_384

export interface Contrary {
  /** The deltas of the next rows, as many at a time as the caller likes to hold. */
  add(deltas: readonly Uint8Array[]): void
  /** Places of the rows that are, ascending. */
  close(): number[]
}

/** Whether so many deltas can tell. */
export const canBeContrary = (count: number): boolean => count >= COUNT_MIN

/** @param mean what the rows became */
export function openContrary(
  ops: Ops,
  arena: Arena,
  codec: Codec,
  mean: Float32Array,
  rows: readonly Pick<Row, 'weight' | 'clip'>[],
): Contrary {
  const count = mean.length
  const total = rows.reduce((sum, { weight }) => sum + weight, 0)
  const contrary: number[] = []
  let place = 0
  return {
    add: (deltas) => {
      for (const bytes of deltas) {
        const { weight, clip } = rows[place]!
        const { along, own } = productsOf(ops, arena, { codec, bytes, count }, mean)
        if (total * along < weight * clip * own) contrary.push(place)
        place += 1
      }
    },
    close: () => contrary,
  }
}

/** delta · mean and delta · delta: left folds in float64. */
function productsOf(
  ops: Ops,
  arena: Arena,
  delta: { codec: Codec; bytes: Uint8Array; count: number },
  mean: Float32Array,
): { along: number; own: number } {
  const mark = arena.mark()
  const x = arena.allocate('scalars', 4 * Math.min(SCALARS_AT_ONCE, delta.count))
  let [along, own] = [0, 0]
  for (let first = 0; first < delta.count; first += SCALARS_AT_ONCE) {
    const n = Math.min(SCALARS_AT_ONCE, delta.count - first)
    decodeRange(ops, arena, x, delta, first, n)
    const values = new Float32Array(ops.memory.buffer, x, n)
    for (let i = 0; i < n; i++) {
      const value = values[i]!
      along += value * mean[first + i]!
      own += value * value
    }
  }
  arena.release(mark)
  return { along, own }
}
