/** Merged weights on their way into a file. */
import { ModelError } from '../model/errors.ts'
import { encodeBlocks, type WrittenType } from '../model/gguf-blocks.ts'

/** Float16 has no finite number from here on: what is larger rounds to infinity. */
const FLOAT16_OVERFLOW = 65_520

/** @throws ModelError `unsupported` for values that float16 cannot hold. */
export function encodeWeights(type: WrittenType, values: Float32Array, name: string): Uint8Array {
  if (type === 'F16' && values.some((value) => Math.abs(value) >= FLOAT16_OVERFLOW)) {
    throw new ModelError(
      'unsupported',
      `Cannot write the merged model as '${name}' has values beyond the range of float16: ` +
        "give '--dtype' f32 or bf16",
    )
  }
  return encodeBlocks(type, values)
}
