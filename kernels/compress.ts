/**
 * Deltas as they travel. A codec is part of the run: the same values give the same bytes
 * everywhere.
 *
 *   float32   4 bytes a scalar, little-endian
 *   int8      a float16 scale for each block of 64 scalars, then a byte a scalar
 *   int4      the same with half a byte, the low nibble first: 4.25 bits a scalar
 *
 * All scales come first, then all codes; a value is its code times its block's scale. Scales are
 * rounded up, so that codes stay within ±127 or ±7; what is beyond the largest float16 scale
 * saturates. No error feedback: a contribution must not depend on its sender's past.
 */
import type { Arena } from './arena.ts'
import type { Ops, Pointer } from './ops.ts'
import { ShapeError } from './shape.ts'

export type Codec = 'float32' | 'int8' | 'int4'

export type Decoded =
  | { status: 'ok'; values: Float32Array }
  | { status: 'malformed'; reason: string }

const BLOCK = 64
const SCALE_BYTES = 2
/** Bits of the largest finite float16; above are infinities, NaNs and all that is negative. */
const SCALE_BITS_MAX = 0x7bff
/** Largest code. */
const LEVELS = { int8: 127, int4: 7 } as const
/** A scale is above max|x| / levels by less than 2^-10 of it, or than 2^-24 where it is tiny. */
const SCALE_ROUNDING_RELATIVE = 2 ** -10
const SCALE_ROUNDING_ABSOLUTE = 2 ** -24

/** Size of `count` scalars. */
export function encodedBytes(codec: Codec, count: number): number {
  return codec === 'float32' ? 4 * count : scaleBytes(count) + codeBytes(codec, count)
}

/** What |decoded| cannot exceed when no |value| exceeds `max`. */
export function decodedMax(codec: Codec, max: number): number {
  if (codec === 'float32') return max
  return max * (1 + SCALE_ROUNDING_RELATIVE) + LEVELS[codec] * SCALE_ROUNDING_ABSOLUTE
}

/** Throws ShapeError unless all values are finite: the kernels answer for that. */
export function encode(ops: Ops, arena: Arena, codec: Codec, values: Float32Array): Uint8Array {
  const mark = arena.mark()
  const x = arena.allocate('values', 4 * values.length)
  new Float32Array(ops.memory.buffer, x, values.length).set(values)
  const bytes = encodeInPlace(ops, arena, codec, x, values.length)
  arena.release(mark)
  return bytes
}

/** The same of x (count), which lies in the linear memory and stays as it is. */
export function encodeInPlace(
  ops: Ops,
  arena: Arena,
  codec: Codec,
  x: Pointer,
  count: number,
): Uint8Array {
  const mark = arena.mark()
  if (!ops.allFinite(x, count)) throw new ShapeError('Cannot encode values that are not finite')
  const bytes = new Uint8Array(encodedBytes(codec, count))
  if (codec === 'float32') {
    bytes.set(new Uint8Array(ops.memory.buffer, x, bytes.length))
  } else {
    const { scales, codes } = allocateQuantised(arena, codec, count)
    ops.quantise(codes, scales, x, count, LEVELS[codec])
    bytes.set(new Uint8Array(ops.memory.buffer, scales, scaleBytes(count)))
    bytes.set(new Uint8Array(ops.memory.buffer, codes, codeBytes(codec, count)), scaleBytes(count))
  }
  arena.release(mark)
  return bytes
}

/** Bytes come from the network: what `encode` cannot have made of `count` scalars is malformed. */
export function decode(
  ops: Ops,
  arena: Arena,
  codec: Codec,
  bytes: Uint8Array,
  count: number,
): Decoded {
  const mark = arena.mark()
  const y = arena.allocate('values', 4 * count)
  const reason = decodeTo(ops, arena, y, codec, bytes, count)
  const values = new Float32Array(ops.memory.buffer, y, count).slice()
  arena.release(mark)
  return reason === null ? { status: 'ok', values } : { status: 'malformed', reason }
}

/** Decodes to y (count) in linear memory; returns why the bytes are malformed, or null. */
export function decodeTo(
  ops: Ops,
  arena: Arena,
  y: Pointer,
  codec: Codec,
  bytes: Uint8Array,
  count: number,
): string | null {
  const expected = encodedBytes(codec, count)
  if (bytes.length !== expected) {
    return `${codec} of ${count} scalars is ${expected} bytes: got ${bytes.length}`
  }
  if (codec === 'float32') {
    new Uint8Array(ops.memory.buffer, y, expected).set(bytes)
    return ops.allFinite(y, count) ? null : 'a value is not finite'
  }
  const mark = arena.mark()
  const { scales, codes } = allocateQuantised(arena, codec, count)
  // The buffer is asked for only now, since a memory that grows has another one.
  const { buffer } = ops.memory
  const scaleView = new Uint8Array(buffer, scales, scaleBytes(count))
  const codeView = new Uint8Array(buffer, codes, codeBytes(codec, count))
  scaleView.set(bytes.subarray(0, scaleView.length))
  codeView.set(bytes.subarray(scaleView.length))
  const reason =
    badScale(new Uint16Array(buffer, scales, blockCount(count))) ?? badCode(codec, codeView, count)
  if (reason === null) ops.dequantise(y, codes, scales, count, LEVELS[codec])
  arena.release(mark)
  return reason
}

/**
 * Scalars `first` to `first + n` of bytes that `decodeTo` has found good, to y (n); `first` begins
 * a block.
 */
export function decodeRange(
  ops: Ops,
  arena: Arena,
  y: Pointer,
  { codec, bytes, count }: { codec: Codec; bytes: Uint8Array; count: number },
  first: number,
  n: number,
): void {
  if (codec === 'float32') {
    new Uint8Array(ops.memory.buffer, y, 4 * n).set(bytes.subarray(4 * first, 4 * (first + n)))
    return
  }
  const mark = arena.mark()
  const { scales, codes } = allocateQuantised(arena, codec, n)
  const scalesAt = scaleBytes(first)
  const codesAt = scaleBytes(count) + codeBytes(codec, first)
  const from = (at: number, length: number) => bytes.subarray(at, at + length)
  // The buffer is asked for only now, since a memory that grows has another one.
  const memory = new Uint8Array(ops.memory.buffer)
  memory.set(from(scalesAt, scaleBytes(n)), scales)
  memory.set(from(codesAt, codeBytes(codec, n)), codes)
  ops.dequantise(y, codes, scales, n, LEVELS[codec])
  arena.release(mark)
}

/** Ranges begin at multiples of so many scalars. */
export const RANGE_MULTIPLE = BLOCK

/** The encoding of scalars `first` to `first + n` of good bytes, by itself; a copy. */
export function encodedRange(
  { codec, bytes, count }: { codec: Codec; bytes: Uint8Array; count: number },
  first: number,
  n: number,
): Uint8Array {
  if (codec === 'float32') return bytes.slice(4 * first, 4 * (first + n))
  const scalesAt = scaleBytes(first)
  const codesAt = scaleBytes(count) + codeBytes(codec, first)
  const range = new Uint8Array(encodedBytes(codec, n))
  range.set(bytes.subarray(scalesAt, scalesAt + scaleBytes(n)))
  range.set(bytes.subarray(codesAt, codesAt + codeBytes(codec, n)), scaleBytes(n))
  return range
}

function badScale(scales: Uint16Array): string | null {
  // A callback or an iterator for each of so many costs more than what it looks at.
  for (let block = 0; block < scales.length; block++) {
    if (scales[block]! > SCALE_BITS_MAX) {
      return `the scale of block ${block} is negative or not finite`
    }
  }
  return null
}

/** The code below -levels exists in two's complement, but nothing rounds to it. */
function badCode(codec: 'int8' | 'int4', codes: Uint8Array, count: number): string | null {
  if (codec === 'int8') return codes.includes(0x80) ? 'a code is -128' : null
  if (hasMinusEight(codes)) return 'a code is -8'
  const spare = count % 2 === 1 && codes.at(-1)! >> 4 !== 0
  return spare ? 'the spare half of the last byte is not zero' : null
}

function allocateQuantised(
  arena: Arena,
  codec: 'int8' | 'int4',
  count: number,
): { scales: Pointer; codes: Pointer } {
  return {
    scales: arena.allocate('scales', scaleBytes(count)),
    codes: arena.allocate('codes', codeBytes(codec, count)),
  }
}

function blockCount(count: number): number {
  return Math.ceil(count / BLOCK)
}

function scaleBytes(count: number): number {
  return SCALE_BYTES * blockCount(count)
}

function codeBytes(codec: 'int8' | 'int4', count: number): number {
  return codec === 'int8' ? count : Math.ceil(count / 2)
}

/**
 * Whether a nibble is 8, eight of them at a time: with 8 taken out of each, that one is zero, and
 * to subtract 1 from a zero borrows its upper bit. `codes` starts at a multiple of 4.
 */
function hasMinusEight(codes: Uint8Array): boolean {
  const wordCount = codes.length >> 2
  const words = new Int32Array(codes.buffer, codes.byteOffset, wordCount)
  for (let i = 0; i < wordCount; i++) {
    const x = words[i]! ^ 0x88888888
    if (((x - 0x11111111) & ~x & 0x88888888) !== 0) return true
  }
  return codes.subarray(4 * wordCount).some((byte) => (byte & 15) === 8 || byte >> 4 === 8)
}
