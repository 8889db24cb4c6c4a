/** A mean from first to last, as a test has all of its deltas at once. */
import {
  type AggregationRule,
  type Claim,
  type Judgement,
  measure,
  openMean,
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
): { mean: Float32Array | null; judgements: Judgement[] } {
  const claims = contributions.map(({ codec, bytes, ...claim }) => ({
    ...claim,
    measured: measure(ops, arena, codec, bytes, count),
  }))
  const judgements = weigh(claims, rule)
  const mean = openMean(ops, arena, contributions[0]?.codec ?? 'float32', count)
  let weightSum = 0
  // One at a time and all at once are the same sum.
  for (const [index, { bytes }] of contributions.entries()) {
    const judgement = judgements[index]!
    if (judgement.status !== 'counted') continue
    weightSum += judgement.weight
    mean.add([{ bytes, factor: judgement.weight * judgement.clipFactor }])
  }
  return { mean: mean.close(weightSum), judgements }
}

export function mergeMoments(
  previous: Uint8Array | null,
  received: readonly Uint8Array[],
): ReturnType<MomentCounts['merge']> {
  const moments = openMoments((previous ?? received[0] ?? []).length)
  moments.add(received)
  return moments.merge(previous)
}
