/** Weights on their way into a file, and what is lost on it. */
import { ModelError } from '../model/errors.ts'
import type { TensorType } from '../model/gguf-format.ts'
import { dequantise, isBlockType, quantise } from '../model/gguf-numbers.ts'

/** Float16 has no finite number from here on: what is larger rounds to infinity. */
const FLOAT16_OVERFLOW = 65_520

/** Sums of squares over the matrices of some names, where they become blocks. */
export interface Rounding {
  names: ReadonlySet<string>
  /** Σ of what their numbers were. */
  numbers: number
  /** Σ of what that differs from what they became. */
  differences: number
}

export const newRounding = (names: Iterable<string> = []): Rounding => ({
  names: new Set(names),
  numbers: 0,
  differences: 0,
})

/**
 * @param rounding is added to
 * @throws ModelError `unsupported` for values that the type, or the scale of its blocks, cannot
 *   hold
 */
export function encodeWeights(
  type: TensorType,
  values: Float32Array,
  name: string,
  rounding: Rounding = newRounding(),
): Uint8Array {
  const isBounded = type === 'F16' || isBlockType(type)
  if (isBounded && !values.every((value) => Math.abs(value) < FLOAT16_OVERFLOW)) {
    throw new ModelError(
      'unsupported',
      `Cannot write '${name}' as ${type} as it has values beyond the range of float16, ` +
        'which f32 and bf16 hold',
    )
  }
  const bytes = quantise(type, values)
  if (isBlockType(type) && rounding.names.has(name))
    count(rounding, values, dequantise(type, bytes, name))
  return bytes
}

function count(rounding: Rounding, before: Float32Array, after: Float32Array): void {
  for (let i = 0; i < before.length; i++) {
    const difference = after[i]! - before[i]!
    rounding.numbers += before[i]! * before[i]!
    rounding.differences += difference * difference
  }
}
