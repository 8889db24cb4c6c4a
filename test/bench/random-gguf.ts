/**
 * A llama of random weights as a GGUF file, in the mixture of blocks that "Q4_K" means: Q6_K for
 * the head, Q4_K for all other matrices. Made in pieces, so that 8 billion parameters take no
 * memory.
 */
import { HEAD, type ModelShape, weightTensors } from '../../kernels/index.ts'
import { toFloat16Bits } from '../../node/model/dtypes.ts'
import type { GgufMetadata } from '../../node/model/gguf-format.ts'
import { TENSOR_TYPES, type TensorType, tensorBytes } from '../../node/model/gguf-format.ts'
import { ggufNames } from '../../node/model/gguf-names.ts'
import { type GgufTensor, writeGguf } from '../../node/model/gguf-write.ts'
import { nextFraction, prng } from '../../protocol/index.ts'

/** Blocks that repeat: a piece is long enough for no two rows of a layer to be alike. */
const PIECE_BLOCKS = 9973

/** Bytes of the file. */
export async function writeRandomLlama(
  path: string,
  model: ModelShape,
  metadata: GgufMetadata = new Map(),
): Promise<number> {
  const names = ggufNames(model)
  const pieces = new Map<TensorType, Uint8Array>()
  const blocksOf = (type: TensorType) => {
    const made = pieces.get(type) ?? randomBlocks(type)
    pieces.set(type, made)
    return made
  }
  const tensors = weightTensors(model).map(({ name, shape }): GgufTensor => {
    const type = shape.length === 1 ? 'F32' : name === HEAD ? 'Q6_K' : 'Q4_K'
    const bytes = tensorBytes(type, shape)!
    return {
      name: names.get(name)!,
      shape,
      type,
      pieces: () => (type === 'F32' ? ones(bytes) : repeated(blocksOf(type), bytes)),
    }
  })
  const { bytes } = await writeGguf(path, { metadata, tensors })
  return bytes
}

function* ones(bytes: number): Generator<Uint8Array> {
  yield new Uint8Array(new Float32Array(bytes / 4).fill(1).buffer)
}

/** So many bytes of blocks that repeat. */
export function* repeated(piece: Uint8Array, bytes: number): Generator<Uint8Array> {
  for (let left = bytes; left > 0; left -= piece.length) {
    yield piece.subarray(0, Math.min(left, piece.length))
  }
}

/** Random codes; the factors are such that weights have some 0.02, and a mean of none. */
export function randomBlocks(type: TensorType): Uint8Array {
  const { blockBytes } = TENSOR_TYPES[type]
  const random = prng(1)
  const bytes = Uint8Array.from({ length: PIECE_BLOCKS * blockBytes }, () =>
    Math.floor(256 * nextFraction(random)),
  )
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < bytes.length; at += blockBytes) {
    if (type === 'Q4_K') {
      view.setUint16(at, half(8e-5), true)
      view.setUint16(at + 2, half(6e-4), true)
    } else {
      view.setUint16(at + 208, half(1.4e-5), true)
    }
  }
  return bytes
}

function half(value: number): number {
  return toFloat16Bits(new Uint32Array(Float32Array.of(value).buffer)[0]!)
}
