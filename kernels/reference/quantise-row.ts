/** Activations as integers, as `ProductPath` in kernels/ops.ts has them. */
import { roundHalfEven } from './compress.ts'

const f = Math.fround
/** 2^-100: far from float32's denormals, where a code / m would not be finite. */
const TINY = 2 ** -100

export function quantiseRow(x: Float32Array, codeMax: number): { codes: number[]; scale: number } {
  const max = x.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  const zeros = new Array<number>(x.length).fill(0)
  if (!Number.isFinite(max)) return { codes: zeros, scale: NaN }
  if (max < TINY) return { codes: zeros, scale: 0 }
  const inverse = f(codeMax / max)
  const codes = Array.from(x, (value) => roundHalfEven(f(value * inverse)))
  return { codes, scale: f(max / codeMax) }
}
