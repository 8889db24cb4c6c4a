/** The weights of a base model on disk: safetensors, whole or in shards, or GGUF. */
import type { ModelShape } from '../../kernels/index.ts'
import type { BlobFile } from '../storage/blob-store.ts'
import { type OpenWeights, readWeights, weightsFromBytes } from './base-weights.ts'
import { INDEX_FILE, openJoinedShards } from './joined-shards.ts'
import { openRangeFile, type RangeFile, withFile } from './range-file.ts'

/** The file at `path`; where it is the index of shards, the file that they make together. */
export function openWeightFile(path: string): RangeFile {
  return path.endsWith(INDEX_FILE) ? openJoinedShards(path) : openRangeFile(path)
}

/** @throws ModelError unless the file at `path` holds the weights of such a model */
export function openWeights(path: string, shape: ModelShape): OpenWeights {
  const open = (file: RangeFile) => ({ ...readWeights(shape, file), close: file.close })
  return withFile(openWeightFile(path), path, open)
}

/** The weights of a blob, as Node has it. @throws ModelError as `openWeights` does */
export function openBlobWeights(file: BlobFile, shape: ModelShape): OpenWeights {
  if (typeof file === 'string') return openWeights(file, shape)
  if (file instanceof Uint8Array) return { ...weightsFromBytes(shape, file), close: () => {} }
  throw new Error('Invariant broken: in Node a model is opened by its path or its bytes')
}

const PIECE_BYTES = 8 * 1024 * 1024

/** The bytes of the file from first to last. */
export async function* piecesOf({ bytes, read }: RangeFile): AsyncGenerator<Uint8Array> {
  for (let begin = 0; begin < bytes; begin += PIECE_BYTES) {
    yield read(begin, Math.min(bytes, begin + PIECE_BYTES))
  }
}
