/** Bytes that come in pieces of any size, cut as blobs are. */
import { BLOB_CHUNK_BYTES, ProtocolError } from '../../protocol/index.ts'

/**
 * The same bytes in pieces of BLOB_CHUNK_BYTES, the last of which may be shorter.
 * @throws ProtocolError unless there are `bytes` of them
 */
export async function* inChunks(
  pieces: AsyncIterable<Uint8Array>,
  bytes: number,
): AsyncGenerator<Uint8Array> {
  let left = bytes
  let chunk = new Uint8Array(Math.min(BLOB_CHUNK_BYTES, left))
  let filled = 0
  for await (let piece of pieces) {
    if (piece.length > left - filled) throw otherSize('more', bytes)
    while (piece.length > 0) {
      const part = piece.subarray(0, chunk.length - filled)
      chunk.set(part, filled)
      filled += part.length
      piece = piece.subarray(part.length)
      if (filled < chunk.length) continue
      yield chunk
      left -= filled
      filled = 0
      chunk = new Uint8Array(Math.min(BLOB_CHUNK_BYTES, left))
    }
  }
  if (left > 0) throw otherSize('fewer', bytes)
}

function otherSize(what: 'more' | 'fewer', bytes: number): ProtocolError {
  return new ProtocolError(
    'malformed',
    `Cannot fetch the model as ${what} than ${bytes} bytes came`,
  )
}
