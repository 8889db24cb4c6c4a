/**
 * The numbers of a GGUF tensor as float32, and float32 as such numbers. Those of blocks are as
 * kernels/reference/blocks.ts widens and kernels/quantise-blocks.ts makes them.
 */
import { type BlockKind, quantiseBlocks, widenBlocks } from '../../kernels/index.ts'
import { fromFloat32, toFloat32 } from './dtypes.ts'
import type { TensorType } from './gguf-format.ts'

/** The scalars of whole blocks. */
export function dequantise(type: TensorType, bytes: Uint8Array, title: string): Float32Array {
  return isBlockType(type) ? widenBlocks(type, bytes) : toFloat32(type, bytes, title)
}

/** Whole rows, whose scalars fill blocks. */
export function quantise(type: TensorType, values: Float32Array): Uint8Array {
  return isBlockType(type) ? quantiseBlocks(type, values) : fromFloat32(type, values)
}

export function isBlockType(type: TensorType): type is BlockKind {
  return type !== 'F32' && type !== 'F16' && type !== 'BF16'
}
