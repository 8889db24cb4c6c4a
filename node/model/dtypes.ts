/**
 * The number formats of safetensors: how many bytes a scalar takes, and the three that become
 * float32 and that float32 becomes. Values are little-endian in the file, as on every machine that
 * Node or a browser runs on.
 */
import { ModelError } from './errors.ts'

const SCALAR_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const

export type Dtype = keyof typeof SCALAR_BYTES
/** Those that we compute from and write. */
export type FloatDtype = 'F32' | 'F16' | 'BF16'

export function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(SCALAR_BYTES, value)
}

export function scalarBytes(dtype: Dtype): number {
  return SCALAR_BYTES[dtype]
}

/**
 * The scalars as float32: exact, since float32 holds every float16 and every bfloat16.
 * @throws ModelError `unsupported` for the other dtypes; `title` names the tensor in the message.
 */
export function toFloat32(dtype: Dtype, bytes: Uint8Array, title: string): Float32Array {
  // A copy, since a tensor may start at any byte of its file and typed arrays may not.
  const { buffer } = new Uint8Array(bytes)
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer)
    case 'BF16':
      return widen(new Uint16Array(buffer), (bits) => bits << 16)
    case 'F16':
      return widen(new Uint16Array(buffer), float16Bits)
    default:
      throw new ModelError(
        'unsupported',
        `Cannot read ${title} as its dtype must be F32, F16 or BF16: current value is ${dtype}`,
      )
  }
}

function widen(halves: Uint16Array, float32Bits: (bits: number) => number): Float32Array {
  const bits = new Uint32Array(halves.length)
  for (let i = 0; i < halves.length; i++) bits[i] = float32Bits(halves[i]!)
  return new Float32Array(bits.buffer)
}

/**
 * The bits of a float16 as those of the same float32. Source: IEEE 754-2019, §3.4 and table 3.5.
 */
function float16Bits(bits: number): number {
  const sign = (bits & 0x8000) << 16
  const exponent = (bits >>> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13)
  if (exponent > 0) return sign | ((exponent + 127 - 15) << 23) | (fraction << 13)
  if (fraction === 0) return sign
  // Subnormal, fraction · 2^-24: float32 has the range to write it with a leading one.
  const shift = Math.clz32(fraction) - 21
  return sign | ((127 - 14 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)
}

/** The nearest scalars of `dtype`; of two as near, the one whose last bit is 0. */
export function fromFloat32(dtype: FloatDtype, values: Float32Array): Uint8Array {
  switch (dtype) {
    case 'F32':
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    case 'BF16':
      return narrow(values, toBfloat16Bits)
    case 'F16':
      return narrow(values, toFloat16Bits)
  }
}

function narrow(values: Float32Array, halfBits: (bits: number) => number): Uint8Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const halves = new Uint16Array(values.length)
  for (let i = 0; i < halves.length; i++) halves[i] = halfBits(bits[i]!)
  return new Uint8Array(halves.buffer)
}

const INFINITY_BITS = 0x7f800000

function toBfloat16Bits(bits: number): number {
  // A NaN keeps a bit, lest it become an infinity.
  if ((bits & 0x7fffffff) > INFINITY_BITS) return (bits >>> 16) | 0x40
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

/** The bits of the float16 that is nearest to a float32. Source: IEEE 754-2019, §4.3.1. */
export function toFloat16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > INFINITY_BITS) return sign | 0x7e00
  // From 65520, halfway to 2^16, on: no finite float16 is nearer.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  const exponent = magnitude >>> 23
  if (exponent < 127 - 14) {
    // Subnormal: a multiple of 2^-24. Below half of it the shift leaves nothing.
    const shift = 127 - 14 - exponent + 13
    return shift > 24 ? sign : sign | roundedShift((magnitude & 0x7fffff) | 0x800000, shift)
  }
  return sign | roundedShift(magnitude - ((127 - 15) << 23), 13)
}

/** n / 2^shift, rounded to the nearest integer, of two as near to the even one. */
function roundedShift(n: number, shift: number): number {
  const floor = n >>> shift
  return (n + (1 << (shift - 1)) - 1 + (floor & 1)) >>> shift
}
