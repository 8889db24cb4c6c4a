/**
 * Transcendental functions of float32, and the row sum: the definitions that the SIMD kernels
 * repeat lane by lane. Every operation is rounded to float32 at once, as one SIMD instruction does.
 * Source of the exponential's coefficients: Cephes, expf.c; evaluated in Estrin's order, which has
 * the shorter dependency chains.
 */
import type { Pointer } from '../ops.ts'
import { cosSinDouble, expDouble, logDouble } from '../portable-math.ts'

const f = Math.fround

/**
 * The result is 0 below it, before it would be a denormal: those are slow everywhere, and some
 * machines flush them to zero, though WebAssembly forbids it (see known-answers.ts).
 */
const EXP_MIN = -87
/** The result stays at e^88 above it, the last whole power of e that is finite. */
const EXP_MAX = 88
const LOG2_E = f(Math.LOG2E)
/**
 * Adding 1.5·2^23 rounds to an integer, which is then in the low bits; 127 more make it an
 * exponent.
 */
const ROUND_TO_EXPONENT = 12582912 + 127
const LN2_HIGH = f(0.693359375)
const LN2_LOW = f(-2.1219444e-4)
const C2 = 0.5
const C3 = f(0.16666665459)
const C4 = f(0.041665795894)
const C5 = f(0.0083334519073)
const C6 = f(0.0013981999507)
const C7 = f(0.0001987569115)

const bits = new Int32Array(1)
const float = new Float32Array(bits.buffer)

/** e^x within 1.5 ulp on [-87, 88]; e^x = 2^n · e^r with |r| <= ln 2 / 2. A NaN stays a NaN. */
export function expFloat(x: number): number {
  if (x < EXP_MIN) return 0
  const c = Math.min(x, EXP_MAX)
  const t = f(f(c * LOG2_E) + ROUND_TO_EXPONENT)
  const n = f(t - ROUND_TO_EXPONENT)
  const r = f(f(c - f(n * LN2_HIGH)) - f(n * LN2_LOW))
  const r2 = f(r * r)
  const p23 = f(C2 + f(r * C3))
  const p45 = f(C4 + f(r * C5))
  const p67 = f(C6 + f(r * C7))
  const p = f(p23 + f(r2 * f(p45 + f(r2 * p67))))
  float[0] = t
  bits[0] = bits[0]! << 23
  return f(f(1 + f(r + f(r2 * p))) * float[0])
}

/**
 * Sum of term(0) .. term(n-1) in sixteen partial sums, term i into partial i mod 16: four
 * accumulators of four lanes. Accumulators are added as (0+1)+(2+3) lane by lane, then lanes as
 * (0+1)+(2+3).
 */
export function rowSum(n: number, term: (i: number) => number): number {
  const s = new Float32Array(16)
  for (let i = 0; i < n; i++) s[i & 15] = s[i & 15]! + term(i)
  const lane = (l: number) => f(f(s[l]! + s[4 + l]!) + f(s[8 + l]! + s[12 + l]!))
  return f(f(lane(0) + lane(1)) + f(lane(2) + lane(3)))
}

/** The largest of x[start .. start+n-1]; NaNs are passed over. */
export function rowMax(x: Float32Array, start: number, n: number): number {
  let max = -Infinity
  for (let i = start; i < start + n; i++) if (max < x[i]!) max = x[i]!
  return max
}

export function exp(memory: WebAssembly.Memory, y: Pointer, x: Pointer, n: number): void {
  const to = new Float32Array(memory.buffer, y, n)
  const from = new Float32Array(memory.buffer, x, n)
  for (let i = 0; i < n; i++) to[i] = expFloat(from[i]!)
}

/** The double logarithm, rounded: the op is rare, and so within half a unit in the last place. */
export function log(memory: WebAssembly.Memory, y: Pointer, x: Pointer, n: number): void {
  const to = new Float32Array(memory.buffer, y, n)
  const from = new Float32Array(memory.buffer, x, n)
  for (let i = 0; i < n; i++) to[i] = logDouble(from[i]!)
}

/** theta^(-2i/E), radians a position: how fast RoPE turns pair i of a head of E. */
export function ropeFrequency(theta: number, i: number, E: number): number {
  return expDouble((-2 * i * logDouble(theta)) / E)
}

/** Filled once a run from doubles; the SIMD implementation uses this very function. */
export function ropeTable(
  memory: WebAssembly.Memory,
  cos: Pointer,
  sin: Pointer,
  S: number,
  E: number,
  theta: number,
  divisors: readonly number[] | null,
): void {
  const half = E / 2
  const cosines = new Float32Array(memory.buffer, cos, S * half)
  const sines = new Float32Array(memory.buffer, sin, S * half)
  for (let i = 0; i < half; i++) {
    const frequency = ropeFrequency(theta, i, E) / (divisors?.[i] ?? 1)
    for (let position = 0; position < S; position++) {
      const [c, s] = cosSinDouble(position * frequency)
      cosines[position * half + i] = c
      sines[position * half + i] = s
    }
  }
}
