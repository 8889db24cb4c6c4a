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

/** Codes of v (N) · `scale`, in float32. Sums are float64 folds along the row or column. */
export function factorMoment(layout: AdapterLayout, v: Float32Array, scale = 1): Uint8Array {
  assertLength('v', v.length, layout.count)
  const codes = new Uint8Array(momentBytes(layout))
  let at = 0
  for (const { rows, columns, offset } of layout.tensors) {
    const rowSums = new Float64Array(rows)
    const columnSums = new Float64Array(columns)
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const value = Math.fround(v[offset + row * columns + column]! * scale)
        rowSums[row]! += value
        columnSums[column]! += value
      }
    }
    for (const sum of rowSums) codes[at++] = encodeSum(sum)
    for (const sum of columnSums) codes[at++] = encodeSum(sum)
  }
  return codes
}

/** Throws ShapeError unless they are those of one adapter. */
export function checkMoment(layout: AdapterLayout, codes: Uint8Array): void {
  assertLength('codes', codes.length, momentBytes(layout))
}

/**
 * v (N) = row · column / total of the rows; zero where the tensor is.
 * @param v where it is written: zeros
 */
export function expandMoment(
  layout: AdapterLayout,
  codes: Uint8Array,
  v: Float32Array = new Float32Array(layout.count),
): Float32Array {
  checkMoment(layout, codes)
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

/** The codes that a round has received, counted: what the median needs of them. */
export interface MomentCounts {
  /** Throws ShapeError unless all lengths agree. */
  add(received: readonly Uint8Array[]): void
  /**
   * The next round's codes: the median of the received ones, averaged half and half with the
   * previous and at most doubled (half is the least that averaging can give). A coordinate without
   * a past takes the median itself. Nothing received: the previous stays.
   */
  merge(previous: Uint8Array | null): Uint8Array | null
}

/** Only the first so many have a vote: the median of more is the same but for chance. */
const VOTES_MAX = 4_096
/** A cache line of each, against counts that stay in the second-level cache. */
const CODES_AT_ONCE = 64
const VALUES = 256

/** Codes are counted, not sorted: they grow with their values, so their ranks are those of sums. */
export function openMoments(length: number): MomentCounts {
  const counts = new Uint16Array(length * VALUES)
  let votes = 0
  return {
    add: (received) => {
      for (const codes of received) assertLength('codes', codes.length, length)
      const voting = received.slice(0, VOTES_MAX - votes)
      votes += voting.length
      for (let first = 0; first < length; first += CODES_AT_ONCE) {
        const end = Math.min(first + CODES_AT_ONCE, length)
        for (const codes of voting) {
          for (let i = first; i < end; i++) counts[i * VALUES + codes[i]!]! += 1
        }
      }
    },
    merge: (previous) => {
      if (votes === 0) return previous
      if (previous !== null) assertLength('previous', previous.length, length)
      return Uint8Array.from({ length }, (_, i) => {
        const own = counts.subarray(i * VALUES, (i + 1) * VALUES)
        // The mean of the two in the middle, which are the same one of an odd number.
        const middle =
          (decodeSum(ranked(own, (votes - 1) >> 1)) + decodeSum(ranked(own, votes >> 1))) / 2
        const before = previous === null ? 0 : decodeSum(previous[i]!)
        return encodeSum(before === 0 ? middle : Math.min((before + middle) / 2, 2 * before))
      })
    },
  }
}

/** The code of so many-th place, from 0, when each comes as often as counted. */
function ranked(counts: Uint16Array, place: number): number {
  let code = 0
  for (let rest = place - counts[0]!; rest >= 0; rest -= counts[code]!) code += 1
  return code
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
