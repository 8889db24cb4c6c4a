/** A mean from first to last, as a test has all of its deltas at once. */
import {
  type AggregationRule,
  type Claim,
  measure,
  openMean,
  type Part,
  weigh,
} from '../../kernels/aggregate.ts'
import type { Arena } from '../../kernels/arena.ts'
import type { Codec } from '../../kernels/compress.ts'
import { type MomentCounts, openMoments } from '../../kernels/moments.ts'
import type { Ops } from '../../kernels/ops.ts'

export interface Contribution extends Omit<Claim, 'measured'> {
  codec: Codec
  bytes: Uint8Array
}

export function aggregate(
  ops: Ops,
  arena: Arena,
  count: number,
  contributions: readonly Contribution[],
  rule: AggregationRule,
): { mean: Float32Array | null; parts: Part[] } {
  const claims = contributions.map(({ codec, bytes, ...claim }) => ({
    ...claim,
    measured: measure(ops, arena, codec, bytes, count),
  }))
  const parts = weigh(claims, rule)
  const mean = openMean(ops, arena, contributions[0]?.codec ?? 'float32', count)
  // One at a time and all at once are the same sum.
  for (const [index, { bytes }] of contributions.entries()) {
    const part = parts[index]!
    if (part.status === 'counted') mean.add([{ bytes, part }])
  }
  return { mean: mean.close(), parts }
}

export function mergeMoments(
  previous: Uint8Array | null,
  received: readonly Uint8Array[],
): ReturnType<MomentCounts['merge']> {
  const moments = openMoments((previous ?? received[0] ?? []).length)
  moments.add(received)
  return moments.merge(previous)
}
