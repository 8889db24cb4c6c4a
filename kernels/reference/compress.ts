/**
 * Deltas as they travel and weights as they are stored: block quantisation, half-width floats, and
 * weighted sums in float64. A block is 64 numbers; its scale is the smallest float16 not below
 * max|x| / levels, so that no code overflows while float16 can hold the scale; codes are two's
 * complement.
 */
import type { Pointer } from '../ops.ts'

type Memory = WebAssembly.Memory
const f = Math.fround
const BLOCK = 64
/** 2^-24, the unit of float16 below its smallest normal number, 2^-14. */
const FLOAT16_TINY = 1 / 16777216
const FLOAT16_MIN_NORMAL = 1 / 16384
const FLOAT16_MAX_BITS = 0x7bff
/** 1.5·2^23: adding and subtracting it rounds to an integer, halves to even. */
const ROUND = 12582912

export function quantise(
  memory: Memory,
  codes: Pointer,
  scales: Pointer,
  x: Pointer,
  n: number,
  levels: 7 | 127,
): void {
  const from = new Float32Array(memory.buffer, x, n)
  const scaleBits = new Uint16Array(memory.buffer, scales, Math.ceil(n / BLOCK))
  const bytes = levels === 7 ? Math.ceil(n / 2) : n
  const to = new Uint8Array(memory.buffer, codes, bytes).fill(0)
  for (let block = 0; block < scaleBits.length; block++) {
    const end = Math.min(n, (block + 1) * BLOCK)
    let max = 0
    for (let i = block * BLOCK; i < end; i++) if (max < Math.abs(from[i]!)) max = Math.abs(from[i]!)
    scaleBits[block] = float16Up(max / levels)
    const scale = float16(scaleBits[block]!)
    if (scale === 0) continue
    for (let i = block * BLOCK; i < end; i++) {
      const code = roundCode(f(from[i]! / scale), levels)
      if (levels === 127) to[i] = code
      else to[i >> 1] = to[i >> 1]! | ((code & 15) << (4 * (i & 1)))
    }
  }
}

export function dequantise(
  memory: Memory,
  y: Pointer,
  codes: Pointer,
  scales: Pointer,
  n: number,
  levels: 7 | 127,
): void {
  const from = new Int8Array(memory.buffer, codes, levels === 7 ? Math.ceil(n / 2) : n)
  const scaleBits = new Uint16Array(memory.buffer, scales, Math.ceil(n / BLOCK))
  const to = new Float32Array(memory.buffer, y, n)
  for (let i = 0; i < n; i++) {
    const code = levels === 7 ? (from[i >> 1]! << (28 - 4 * (i & 1))) >> 28 : from[i]!
    to[i] = code * float16(scaleBits[Math.floor(i / BLOCK)]!)
  }
}

function roundCode(x: number, levels: number): number {
  const clamped = Math.min(Math.max(x, -levels), levels)
  return roundHalfEven(clamped)
}

export function roundHalfEven(x: number): number {
  return f(f(x + ROUND) - ROUND)
}

/** The bits of the smallest float16 >= x, for x >= 0; the largest finite one above its range. */
function float16Up(x: number): number {
  if (x < FLOAT16_MIN_NORMAL) return Math.ceil(x / FLOAT16_TINY)
  let mantissa = x / FLOAT16_TINY
  let exponent = 1
  for (; mantissa >= 2048; exponent++) mantissa *= 0.5
  return Math.min(((exponent - 1) << 10) + Math.ceil(mantissa), FLOAT16_MAX_BITS)
}

/** IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
export function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * FLOAT16_TINY
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (1024 + fraction) * FLOAT16_TINY * (1 << (exponent - 1))
}

/** Scaled so that rounding to an integer is rounding to float16's last place; infinite beyond. */
export function float16Bits(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0
  let exponent = 1
  let mantissa = Math.abs(x) / FLOAT16_TINY
  for (; mantissa >= 2048 && exponent < 31; exponent++) mantissa *= 0.5
  if (exponent === 31) return sign | 0x7c00
  return sign | (((exponent - 1) << 10) + roundHalfEven(mantissa))
}

export function widenFloat16(memory: Memory, y: Pointer, x: Pointer, n: number): void {
  const to = new Float32Array(memory.buffer, y, n)
  const from = new Uint16Array(memory.buffer, x, n)
  for (let i = 0; i < n; i++) to[i] = float16(from[i]!)
}

/** A bfloat16 is the upper half of a float32. */
export function widenBfloat16(memory: Memory, y: Pointer, x: Pointer, n: number): void {
  const to = new Uint32Array(memory.buffer, y, n)
  const from = new Uint16Array(memory.buffer, x, n)
  for (let i = 0; i < n; i++) to[i] = from[i]! << 16
}

export function accumulateWeighted(
  memory: Memory,
  sum: Pointer,
  x: Pointer,
  weight: number,
  n: number,
): void {
  const to = new Float64Array(memory.buffer, sum, n)
  const from = new Float32Array(memory.buffer, x, n)
  for (let i = 0; i < n; i++) to[i] = to[i]! + weight * from[i]!
}

export function roundSum(
  memory: Memory,
  y: Pointer,
  sum: Pointer,
  factor: number,
  n: number,
): void {
  const to = new Float32Array(memory.buffer, y, n)
  const from = new Float64Array(memory.buffer, sum, n)
  for (let i = 0; i < n; i++) to[i] = from[i]! * factor
}
