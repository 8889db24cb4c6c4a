/** The numbers of a GGUF tensor as float32; those of blocks as kernels/reference/blocks.ts says. */
import { type BlockKind, widenBlocks } from '../../kernels/index.ts'
import { toFloat32 } from './dtypes.ts'
import type { TensorType } from './gguf-format.ts'

/** The scalars of whole blocks. */
export function dequantise(type: TensorType, bytes: Uint8Array, title: string): Float32Array {
  return isBlockType(type) ? widenBlocks(type, bytes) : toFloat32(type, bytes, title)
}

export function isBlockType(type: TensorType): type is BlockKind {
  return type !== 'F32' && type !== 'F16' && type !== 'BF16'
}
