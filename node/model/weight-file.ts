/** The weights of a base model on disk: safetensors, whole or in shards, or GGUF. */
import type { ModelShape } from '../../kernels/shape.ts'
import { type BaseWeights, readWeights } from './base-weights.ts'
import { INDEX_FILE, openJoinedShards } from './joined-shards.ts'
import { openRangeFile, type RangeFile } from './range-file.ts'

/** The file at `path`; where it is the index of shards, the file that they make together. */
export function openWeightFile(path: string): RangeFile {
  return path.endsWith(INDEX_FILE) ? openJoinedShards(path) : openRangeFile(path)
}

/** What `read` makes of the weights at `path`, which are closed again. */
export function withWeights<T>(
  path: string,
  shape: ModelShape,
  read: (weights: BaseWeights) => T,
): T {
  const file = openWeightFile(path)
  try {
    return read(readWeights(shape, file))
  } finally {
    file.close()
  }
}

const PIECE_BYTES = 8 * 1024 * 1024

/** The bytes of the file from first to last. */
export async function* piecesOf({ bytes, read }: RangeFile): AsyncGenerator<Uint8Array> {
  for (let begin = 0; begin < bytes; begin += PIECE_BYTES) {
    yield read(begin, Math.min(bytes, begin + PIECE_BYTES))
  }
}
