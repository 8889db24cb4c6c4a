/**
 * float32 as the blocks of a GGUF tensor.
 *
 * Q8_0: 32 scalars are one float16 d = max|x| / 127 and 32 int8, x / d rounded away from zero.
 * Source: ggml, ggml-quants.c, `quantize_row_q8_0_ref`.
 */
import { fromFloat32, toFloat16Bits } from './dtypes.ts'
import { TENSOR_TYPES, type TensorType } from './gguf-format.ts'

/** Types that we write. */
export type WrittenType = Extract<TensorType, 'F32' | 'F16' | 'BF16' | 'Q8_0'>

/** Whole rows: their scalars must fill blocks. */
export function encodeBlocks(type: WrittenType, values: Float32Array): Uint8Array {
  return type === 'Q8_0' ? encodeQ80(values) : fromFloat32(type, values)
}

function encodeQ80(values: Float32Array): Uint8Array {
  const { blockScalars, blockBytes } = TENSOR_TYPES.Q8_0
  const blocks = new Uint8Array((values.length / blockScalars) * blockBytes)
  const view = new DataView(blocks.buffer)
  const scale = new Float32Array(1)
  const scaleBits = new Uint32Array(scale.buffer)
  for (let i = 0, at = 0; i < values.length; i += blockScalars, at += blockBytes) {
    let largest = 0
    for (let j = i; j < i + blockScalars; j++) largest = Math.max(largest, Math.abs(values[j]!))
    scale[0] = largest / 127
    const inverse = scale[0] === 0 ? 0 : Math.fround(1 / scale[0])
    view.setUint16(at, toFloat16Bits(scaleBits[0]!), true)
    for (let j = 0; j < blockScalars; j++) {
      const x = Math.fround(values[i + j]! * inverse)
      view.setInt8(at + 2 + j, Math.sign(x) * Math.floor(Math.abs(x) + 0.5))
    }
  }
  return blocks
}
