/**
 * The second moment that a round hands to the next: Adam's v, factored into row and column sums of
 * each adapter tensor, one byte a sum.
 *
 * Volunteers are stateless, so their Adam would start cold and its first steps would be sign steps.
 * A v with v[i][j] = row[i]·column[j] / total is as good as the full one and costs about N / R
 * bytes (Shazeer & Stern 2018, Adafactor, §3). The coordinator takes the median over volunteers, so
 * that a forged v cannot swing it, and lets it move by at most a factor of two a round.
 *
 * A code is the upper bits of a float32, four steps an octave: from 2^-56, below the square of
 * Adam's epsilon, to 192, above all sums of gradients clipped to norm 1.
 */
import type { AdapterLayout } from './lora.ts'
import { ShapeError } from './shape.ts'

/** Code 1 + 4e + f is 2^(e - 56) · (1 + f / 4), with f of 0 to 3; code 0 is zero. */
const EXPONENT_MIN = -56
const FLOAT32_EXPONENT_BIAS = 127
const FLOAT32_MANTISSA_BITS = 23
/** Mantissa bits kept in a code. */
const KEPT_BITS = 2
const DROPPED_BITS = FLOAT32_MANTISSA_BITS - KEPT_BITS
/** The kept bits of the value of code 1, less one. */
const CODE_ZERO = ((EXPONENT_MIN + FLOAT32_EXPONENT_BIAS) << KEPT_BITS) - 1

const bits = new Int32Array(1)
const float = new Float32Array(bits.buffer)

/** Bytes of the codes of one adapter: rows then columns of each tensor, in canonical order. */
export function momentBytes(layout: AdapterLayout): number {
  return layout.tensors.reduce((bytes, { rows, columns }) => bytes + rows + columns, 0)
}

/** Codes of v (N). Sums are float64 folds along the row or column. */
export function factorMoment(layout: AdapterLayout, v: Float32Array): Uint8Array {
  assertLength('v', v.length, layout.count)
  const codes = new Uint8Array(momentBytes(layout))
  let at = 0
  for (const { rows, columns, offset } of layout.tensors) {
    const rowSums = new Float64Array(rows)
    const columnSums = new Float64Array(columns)
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const value = v[offset + row * columns + column]!
        rowSums[row]! += value
        columnSums[column]! += value
      }
    }
    for (const sum of rowSums) codes[at++] = encodeSum(sum)
    for (const sum of columnSums) codes[at++] = encodeSum(sum)
  }
  return codes
}

/** v (N) = row · column / total of the rows; zero where the tensor is. */
export function expandMoment(layout: AdapterLayout, codes: Uint8Array): Float32Array {
  assertLength('codes', codes.length, momentBytes(layout))
  const v = new Float32Array(layout.count)
  let at = 0
  for (const { rows, columns, offset } of layout.tensors) {
    const rowSums = Array.from(codes.subarray(at, at + rows), decodeSum)
    const columnSums = Array.from(codes.subarray(at + rows, at + rows + columns), decodeSum)
    at += rows + columns
    const total = rowSums.reduce((sum, value) => sum + value, 0)
    if (total === 0) continue
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        v[offset + row * columns + column] = (rowSums[row]! * columnSums[column]!) / total
      }
    }
  }
  return v
}

/**
 * The next round's codes: the median of the received ones, averaged half and half with the previous
 * and at most doubled (half is the least that averaging can give). A coordinate without a past
 * takes the median itself. Nothing received: the previous stays. Throws ShapeError unless all
 * lengths agree.
 */
export function mergeMoments(
  previous: Uint8Array | null,
  received: readonly Uint8Array[],
): Uint8Array | null {
  if (received.length === 0) return previous
  const length = (previous ?? received[0]!).length
  for (const codes of received) assertLength('codes', codes.length, length)
  const merged = new Uint8Array(length)
  for (let first = 0; first < length; first += MEDIANS_AT_ONCE) {
    const middles = medians(received, first, Math.min(MEDIANS_AT_ONCE, length - first))
    middles.forEach((middle, i) => {
      const before = previous === null ? 0 : decodeSum(previous[first + i]!)
      const next = before === 0 ? middle : Math.min((before + middle) / 2, 2 * before)
      merged[first + i] = encodeSum(next)
    })
  }
  return merged
}

/** Their counts fit into the first-level cache. */
const MEDIANS_AT_ONCE = 32
const CODES = 256

/**
 * By counting: codes grow with their values, so sorted codes are sorted sums. Of two middle ones,
 * the mean.
 */
function medians(received: readonly Uint8Array[], first: number, count: number): number[] {
  const counts = new Uint32Array(count * CODES)
  for (const codes of received) {
    for (let i = 0; i < count; i++) counts[i * CODES + codes[first + i]!]! += 1
  }
  const { length } = received
  return Array.from({ length: count }, (_, i) => {
    const own = counts.subarray(i * CODES, (i + 1) * CODES)
    return (decodeSum(ranked(own, (length - 1) >> 1)) + decodeSum(ranked(own, length >> 1))) / 2
  })
}

/** The code of so many-th place, from 0, when each comes as often as counted. */
function ranked(counts: Uint32Array, place: number): number {
  let rest = place
  return counts.findIndex((count) => {
    rest -= count
    return rest < 0
  })
}

/** The nearest code, ties up. What is too small becomes code 1: a v of zero would lift a brake. */
function encodeSum(sum: number): number {
  if (sum === 0) return 0
  float[0] = sum
  const rounded = (bits[0]! + (1 << (DROPPED_BITS - 1))) >> DROPPED_BITS
  return Math.max(1, Math.min(255, rounded - CODE_ZERO))
}

function decodeSum(code: number): number {
  if (code === 0) return 0
  bits[0] = (code + CODE_ZERO) << DROPPED_BITS
  return float[0]!
}

function assertLength(name: string, length: number, expected: number): void {
  if (length === expected) return
  throw new ShapeError(
    `Cannot use a moment as '${name}' must have length ${expected}: current value is ${length}`,
  )
}
