/**
 * Taking back a part of an earlier round's mean, from the state that the next round starts from:
 *
 *   theta <- theta + f·d     b <- b - g·d     d = Σ weight · clip · delta / Σ weight
 *
 * with the sum above over the contributions that are taken back, and the one below over all of
 * their round; of a trimmed mean, with the weight that each had left in each coordinate. How f
 * and g follow from the rounds between is the coordinator's arithmetic.
 */
import type { Arena } from './arena.ts'
import { type MergeRule, openCombined } from './combine.ts'
import { type Codec, encodedBytes } from './compress.ts'
import type { Ops } from './ops.ts'
import type { DeltaState } from './outer-state.ts'
import type { Row } from './row.ts'
import { ShapeError } from './shape.ts'

export interface RoundCorrection {
  uplink: Codec
  /** How that round was merged. */
  merge: MergeRule
  /** f and g: what of the part is in theta and in the momentum by now. */
  theta: number
  momentum: number
  /** All of the round that count, in canonical order; summed are those that are taken back. */
  rows: readonly Row[]
}

export interface OpenCorrection {
  readonly passes: number
  /** The payloads of the next rows, of those that `Combined` asks for. */
  add(payloads: readonly Uint8Array[]): void
  close(): DeltaState
}

export function openCorrection(
  ops: Ops,
  arena: Arena,
  state: DeltaState,
  { uplink, merge, theta: f, momentum: g, rows }: RoundCorrection,
): OpenCorrection {
  const count = state.theta.length
  const deltaBytes = encodedBytes(uplink, count)
  const part = openCombined(ops, arena, { merge, codec: uplink, count }, rows)
  return {
    passes: part.passes,
    add: (payloads) => part.add(payloads.map((payload) => payload.subarray(0, deltaBytes))),
    close: () => {
      const d = part.close()
      if (d === null)
        throw new ShapeError('Cannot take back a part of a round that counted nothing')
      const theta = state.theta.map((value, i) => value + f * d[i]!)
      const momentum = state.momentum.map((value, i) => value - g * d[i]!)
      return { ...state, theta, momentum }
    },
  }
}
