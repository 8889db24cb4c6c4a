/**
 * Points of a sweep: every combination of the values that are listed, or a sample that fills the
 * ranges evenly, however many points are asked for.
 *
 * Source of the sample: Roberts 2018, The Unreasonable Effectiveness of Quasirandom Sequences (the
 * additive recurrence R_d).
 */
import { ConfigError } from '../protocol/index.ts'

/** What is varied: SECTION.KEY, and the values that it takes, or the range that they lie in. */
export type Axis = { key: string } & (
  | { values: readonly string[] }
  | { low: number; high: number; isWhole: boolean }
)

/** A value for each key, as `--set` takes them. */
export type Point = Readonly<Record<string, string>>

export const POINTS_MAX = 100_000
/** A range whose ends lie further apart than this factor is filled by ratio, not by difference. */
const RATIO_MIN = 10

/** @throws ConfigError unless it is KEY=A,B,C or KEY=LOW..HIGH */
export function axisOf(text: string): Axis {
  const [, key, right] = /^([A-Za-z]+\.[A-Za-z]+)=(.+)$/.exec(text) ?? []
  if (key === undefined || right === undefined) throw misfit(text)
  const [, low, high] = /^([0-9.e+-]+?)\.\.([0-9.e+-]+)$/.exec(right) ?? []
  if (low === undefined || high === undefined) {
    const values = right.split(',')
    if (values.includes('') || new Set(values).size < values.length) throw misfit(text)
    return { key, values }
  }
  const range = { low: Number(low), high: Number(high) }
  if (!(range.low < range.high)) throw misfit(text)
  const isWhole = Number.isInteger(range.low) && Number.isInteger(range.high)
  return { key, ...range, isWhole }
}

const misfit = (text: string): ConfigError =>
  new ConfigError(
    "Cannot sweep as '--sweep' must be SECTION.KEY=A,B,C (all different) or " +
      `SECTION.KEY=LOW..HIGH: current value is ${text}`,
  )

/**
 * @param samples points to draw; null: all combinations
 * @throws ConfigError when there are too many, or a range and no number of samples
 */
export function pointsOf(axes: readonly Axis[], samples: number | null): Point[] {
  const keys = axes.map(({ key }) => key)
  const twice = keys.find((key, index) => keys.indexOf(key) !== index)
  if (twice !== undefined) throw new ConfigError(`Cannot sweep '${twice}' twice: name it once`)
  if (samples !== null) return sampleOf(axes, samples)
  let points: Point[] = [{}]
  for (const axis of axes) {
    if (!('values' in axis)) {
      throw new ConfigError(`Cannot sweep the range of '${axis.key}' without '--samples N'`)
    }
    points = points.flatMap((point) =>
      axis.values.map((value) => ({ ...point, [axis.key]: value })),
    )
    if (points.length > POINTS_MAX) throw tooMany(points.length)
  }
  return points
}

const tooMany = (count: number): ConfigError =>
  new ConfigError(`Cannot sweep ${count} points: ${POINTS_MAX} at most. List fewer values`)

/** Point k has on axis i the place frac(1/2 + k / φ_d^(i+1)), φ_d the root of x^(d+1) = x + 1. */
function sampleOf(axes: readonly Axis[], samples: number): Point[] {
  if (samples > POINTS_MAX) throw tooMany(samples)
  const root = rootOf(axes.length)
  return Array.from({ length: samples }, (_, index) =>
    Object.fromEntries(
      axes.map((axis, i) => [axis.key, valueAt(axis, (0.5 + (index + 1) / root ** (i + 1)) % 1)]),
    ),
  )
}

function rootOf(dimensions: number): number {
  let root = 2
  for (let i = 0; i < 60; i++) root = (1 + root) ** (1 / (dimensions + 1))
  return root
}

/** @param place 0..1 */
function valueAt(axis: Axis, place: number): string {
  if ('values' in axis) return axis.values[Math.floor(place * axis.values.length)]!
  const { low, high, isWhole } = axis
  const isByRatio = low > 0 && high / low > RATIO_MIN
  const value = isByRatio ? low * (high / low) ** place : low + (high - low) * place
  return String(isWhole ? Math.round(value) : Number(value.toPrecision(6)))
}
