/**
 * Many deltas into one: their mean weighted by target tokens, in float64, in the order given, which
 * the caller has made canonical. Deltas stay encoded, and each is looked at twice: measured alone,
 * when it comes; and added, when all that count are known.
 *
 * This is the second line of defence, behind replaying the work: a delta larger than any honest
 * optimizer could make is refused, a weight is capped at a multiple of the median, and a norm is
 * clipped to a multiple of the median norm per √step, as an honest delta grows with the root of its
 * steps.
 */
import type { Arena } from './arena.ts'
import { type Codec, decodedMax, decodeRange, decodeTo } from './compress.ts'
import type { Ops } from './ops.ts'
import { ShapeError } from './shape.ts'

/** What a delta is by itself: its norm and largest |scalar|, or why it is none. */
export type Measured = { norm: number; largest: number } | { malformed: string }

/** A measured delta, as it asks to be counted. */
export interface Claim {
  measured: Measured
  /** Target tokens. */
  weight: number
  /** Local steps. */
  steps: number
  /** No honest |scalar| is larger, see `deltaMax`. */
  deltaMax: number
}

export interface AggregationRule {
  /** A weight is at most this many times the median weight. */
  weightCap: number
  /** A norm is at most this many times the median norm per √step; Infinity clips nothing. */
  normClip: number
}

/** What became of one contribution. */
export type Judgement =
  | { status: 'counted'; weight: number; norm: number; clipFactor: number }
  | { status: 'rejected'; reason: string }

export interface DeltaLimits {
  /** Largest |scalar| of the adapter that the delta starts from. */
  adapterMax: number
  steps: number
  /** Sum of the learning rates of those steps. */
  learningRateSum: number
  ratioMax: number
  weightDecay: number
  codec: Codec
}

/**
 * No scalar of an honest delta can be larger: each step moves it by at most learningRate ·
 * ratioMax, decays it, and rounds twice.
 */
export function deltaMax(limits: DeltaLimits): number {
  const { adapterMax, steps, learningRateSum, ratioMax, weightDecay, codec } = limits
  const moved = learningRateSum * ratioMax
  const decayedAndRounded = learningRateSum * weightDecay + (steps + 1) * 2 ** -23
  return decodedMax(codec, moved + (adapterMax + moved) * decayedAndRounded)
}

export function measure(
  ops: Ops,
  arena: Arena,
  codec: Codec,
  bytes: Uint8Array,
  count: number,
): Measured {
  const mark = arena.mark()
  const x = arena.allocate('delta', 4 * count)
  const malformed = decodeTo(ops, arena, x, codec, bytes, count)
  const measured =
    malformed === null
      ? { norm: Math.sqrt(ops.sumSquares(x, count)), largest: ops.largestMagnitude(x, count) }
      : { malformed }
  arena.release(mark)
  return measured
}

/**
 * What becomes of each claim: those beyond their bounds are rejected, the weights and norms of the
 * others are capped by the medians. Throws ShapeError on weights and steps that are not positive:
 * the journal answers for those.
 */
export function weigh(
  claims: readonly Claim[],
  { weightCap, normClip }: AggregationRule,
): Judgement[] {
  claims.forEach(checkClaim)
  const judged = claims.map(judge)
  const good = claims.flatMap(({ weight, steps }, index) => {
    const result = judged[index]!
    return 'norm' in result ? [{ weight, rate: result.norm / Math.sqrt(steps) }] : []
  })
  const weightMax = weightCap * median(good.map(({ weight }) => weight))
  // A delta of zero says nothing about how large deltas are.
  const rateMax = normClip * median(good.map(({ rate }) => rate).filter((rate) => rate > 0))
  return judged.map((result, index) => {
    if (!('norm' in result)) return { status: 'rejected', ...result }
    const { norm } = result
    const { weight, steps } = claims[index]!
    const normMax = rateMax * Math.sqrt(steps)
    const clipFactor = norm > normMax ? normMax / norm : 1
    return { status: 'counted', weight: Math.min(weight, weightMax), norm, clipFactor }
  })
}

function judge({ measured, deltaMax }: Claim): { norm: number } | { reason: string } {
  if ('malformed' in measured) return { reason: measured.malformed }
  const { norm, largest } = measured
  return largest > deltaMax ? { reason: `a scalar is ${largest}, beyond ${deltaMax}` } : { norm }
}

/** The value in the middle, or the mean of the two that are; NaN of no values. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2
}

export interface CountedDelta {
  bytes: Uint8Array
  /** weight · clipFactor */
  factor: number
}

/** A mean that grows: Σ factor · delta / Σ weight. */
export interface Mean {
  /** The next deltas in canonical order, as many at a time as the caller likes to hold. */
  add(deltas: readonly CountedDelta[]): void
  /** Rounded to float32 once; null when nothing was counted. Gives the memory back. */
  close(weightSum: number): Float32Array | null
}

/** Scalars at a time, so that their sums stay in the second-level cache while deltas go by. */
const SCALARS_AT_ONCE = 16_384

export function openMean(ops: Ops, arena: Arena, codec: Codec, count: number): Mean {
  const mark = arena.mark()
  const sum = arena.allocate('sum', 8 * count)
  new Float64Array(ops.memory.buffer, sum, count).fill(0)
  return {
    add: (deltas) => {
      const inner = arena.mark()
      const x = arena.allocate('scalars', 4 * Math.min(SCALARS_AT_ONCE, count))
      for (let first = 0; first < count; first += SCALARS_AT_ONCE) {
        const n = Math.min(SCALARS_AT_ONCE, count - first)
        for (const { bytes, factor } of deltas) {
          decodeRange(ops, arena, x, { codec, bytes, count }, first, n)
          ops.accumulateWeighted(sum + 8 * first, x, factor, n)
        }
      }
      arena.release(inner)
    },
    close: (weightSum) => {
      const y = arena.allocate('mean', 4 * count)
      if (weightSum > 0) ops.roundSum(y, sum, 1 / weightSum, count)
      const mean = new Float32Array(ops.memory.buffer, y, count).slice()
      arena.release(mark)
      return weightSum > 0 ? mean : null
    },
  }
}

function checkClaim({ weight, steps }: Claim): void {
  for (const [name, value] of Object.entries({ weight, steps })) {
    if (Number.isFinite(value) && value > 0) continue
    throw new ShapeError(
      `Cannot aggregate as '${name}' must be positive: current value is ${value}`,
    )
  }
}
