/**
 * Many deltas into one: their mean weighted by target tokens, in float64, in the order given, which
 * the caller has made canonical.
 *
 * This is the second line of defence, behind replaying the work: a delta larger than any honest
 * optimizer could make is refused, a weight is capped at a multiple of the median, and a norm is
 * clipped to a multiple of the median norm per √step, as an honest delta grows with the root of its
 * steps. Deltas stay encoded and are decoded one at a time, twice.
 */
import type { Arena } from './arena.ts'
import { type Codec, decodedMax, decodeTo } from './compress.ts'
import type { Ops, Pointer } from './ops.ts'
import { ShapeError } from './shape.ts'

export interface Contribution {
  codec: Codec
  /** The encoded delta. */
  bytes: Uint8Array
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
export type Part =
  | { status: 'counted'; weight: number; norm: number; clipFactor: number }
  | { status: 'rejected'; reason: string }

export interface Aggregate {
  /** null when nothing was counted. */
  mean: Float32Array | null
  /** In the order of the contributions. */
  parts: Part[]
  /** Sum of the counted weights, after the cap. */
  weight: number
  meanNorm: number
  /** Cosine of this mean and the previous one; null when either is missing or zero. */
  rho: number | null
}

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

/** Throws ShapeError on weights and steps that are not positive: the journal answers for those. */
export function aggregate(
  ops: Ops,
  arena: Arena,
  count: number,
  contributions: readonly Contribution[],
  rule: AggregationRule,
  previousMean: Float32Array | null,
): Aggregate {
  contributions.forEach(checkContribution)
  const mark = arena.mark()
  const x = arena.allocate('delta', 4 * count)
  const measured = contributions.map((contribution) => measure(ops, arena, x, count, contribution))
  const parts = weigh(contributions, measured, rule)
  const weight = parts.reduce((sum, part) => sum + weightOf(part), 0)
  const mean = weight === 0 ? null : meanOf(ops, arena, x, count, contributions, parts, weight)
  arena.release(mark)
  const meanNorm = mean === null ? 0 : Math.sqrt(dot(mean, mean))
  return { mean, parts, weight, meanNorm, rho: cosine(mean, previousMean) }
}

type Measured = { norm: number } | { reason: string }

/** Decodes to x; the norm of a delta, or why it cannot be counted. */
function measure(
  ops: Ops,
  arena: Arena,
  x: Pointer,
  count: number,
  { codec, bytes, deltaMax }: Contribution,
): Measured {
  const malformed = decodeTo(ops, arena, x, codec, bytes, count)
  if (malformed !== null) return { reason: malformed }
  const values = new Float32Array(ops.memory.buffer, x, count)
  const worst = firstBeyond(values, deltaMax)
  if (worst >= 0) return { reason: `scalar ${worst} is ${values[worst]}, beyond ±${deltaMax}` }
  return { norm: Math.sqrt(ops.sumSquares(x, count)) }
}

/** A callback for each of millions of scalars would cost more than all the rest. */
function firstBeyond(values: Float32Array, max: number): number {
  for (let i = 0; i < values.length; i++) if (Math.abs(values[i]!) > max) return i
  return -1
}

/** Caps weights and clips norms by the medians of what can be counted. */
function weigh(
  contributions: readonly Contribution[],
  measured: readonly Measured[],
  { weightCap, normClip }: AggregationRule,
): Part[] {
  const good = contributions.flatMap(({ weight, steps }, index) => {
    const result = measured[index]!
    return 'norm' in result ? [{ weight, rate: result.norm / Math.sqrt(steps) }] : []
  })
  const weightMax = weightCap * median(good.map(({ weight }) => weight))
  // A delta of zero says nothing about how large deltas are.
  const rateMax = normClip * median(good.map(({ rate }) => rate).filter((rate) => rate > 0))
  return measured.map((result, index) => {
    if (!('norm' in result)) return { status: 'rejected', ...result }
    const { norm } = result
    const { weight, steps } = contributions[index]!
    const normMax = rateMax * Math.sqrt(steps)
    const clipFactor = norm > normMax ? normMax / norm : 1
    return { status: 'counted', weight: Math.min(weight, weightMax), norm, clipFactor }
  })
}

/** Σ weight · clipFactor · delta / Σ weight, rounded to float32 once. */
function meanOf(
  ops: Ops,
  arena: Arena,
  x: Pointer,
  count: number,
  contributions: readonly Contribution[],
  parts: readonly Part[],
  weight: number,
): Float32Array {
  const sum = arena.allocate('sum', 8 * count)
  new Float64Array(ops.memory.buffer, sum, count).fill(0)
  for (const [index, part] of parts.entries()) {
    if (part.status === 'rejected') continue
    const { codec, bytes } = contributions[index]!
    decodeTo(ops, arena, x, codec, bytes, count)
    ops.accumulateWeighted(sum, x, part.weight * part.clipFactor, count)
  }
  ops.roundSum(x, sum, 1 / weight, count)
  return new Float32Array(ops.memory.buffer, x, count).slice()
}

function weightOf(part: Part): number {
  return part.status === 'counted' ? part.weight : 0
}

/** Of an even number of values, the mean of the two in the middle; NaN of none. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2
}

function cosine(a: Float32Array | null, b: Float32Array | null): number | null {
  if (a === null || b === null) return null
  const norms = Math.sqrt(dot(a, a) * dot(b, b))
  return norms === 0 ? null : dot(a, b) / norms
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0)
}

function checkContribution({ weight, steps }: Contribution): void {
  for (const [name, value] of Object.entries({ weight, steps })) {
    if (Number.isFinite(value) && value > 0) continue
    throw new ShapeError(
      `Cannot aggregate as '${name}' must be positive: current value is ${value}`,
    )
  }
}
