/**
 * A blob that may be on its way: its chunks, for whoever hands them on, as soon as each is here and
 * checked.
 */
import { type BlobReference, chunkCount } from '../../protocol/index.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import type { PartialBlob } from '../storage/partial-blob.ts'

export interface GrowingBlob {
  readonly blob: BlobReference
  readonly count: number
  /** The transfer that it grows by. */
  open(partial: PartialBlob): void
  /** Something changed: a chunk came, all is stored, or the transfer ended. */
  changed(): void
  /** The chunk, once it is here. @throws the signal's reason, StorageError */
  read(index: number, signal: AbortSignal): Promise<Uint8Array>
}

export function createGrowingBlob(blob: BlobReference, store: BlobStore): GrowingBlob {
  let partial: PartialBlob | null = null
  let next = Promise.withResolvers<void>()

  async function find(index: number): Promise<Uint8Array | null> {
    if (await store.has(blob.digest)) return store.readChunk(blob.digest, index)
    if (partial === null || index >= partial.chunks) return null
    // The transfer may end while it is read: it goes on with another, or it is stored then.
    return partial.readChunk(index).catch(() => null)
  }

  return {
    blob,
    count: chunkCount(blob.bytes),
    open: (opened) => {
      partial = opened
    },
    changed: () => {
      next.resolve()
      next = Promise.withResolvers()
    },
    async read(index, signal) {
      for (;;) {
        signal.throwIfAborted()
        const change = next.promise
        const chunk = await find(index)
        if (chunk !== null) return chunk
        await untilAborted(change, signal)
      }
    },
  }
}

async function untilAborted(change: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([change, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
