/** Blobs that are asked for twice, as payloads are, come from far away once. */
import type { Digest } from '../../protocol/index.ts'
import type { BlobReader } from './evidence.ts'

const BYTES_MAX = 256 * 2 ** 20

export function keepSome(blobs: BlobReader, bytesMax = BYTES_MAX): BlobReader {
  const kept = new Map<Digest, Uint8Array>()
  let held = 0

  function keep(digest: Digest, bytes: Uint8Array): void {
    if (bytes.length > bytesMax / 2) return
    kept.set(digest, bytes)
    held += bytes.length
    for (const [oldest, { length }] of kept) {
      if (held <= bytesMax) return
      kept.delete(oldest)
      held -= length
    }
  }

  return {
    ...blobs,
    async read(digest, most) {
      const known = kept.get(digest)
      // Whoever asks may give the bytes away.
      if (known !== undefined) return known.slice()
      const bytes = await blobs.read(digest, most)
      if (!kept.has(digest)) keep(digest, bytes.slice())
      return bytes
    },
  }
}
