/**
 * The chunks of a blob, through a stream, as pipelines: store → stream, and stream → check →
 * partial blob.
 */

import { pipe } from 'it-pipe'
import {
  BLOB_CHUNK_BYTES,
  type BlobManifest,
  checkChunk,
  chunkCount,
  ProtocolError,
} from '../../protocol/index.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import type { PartialBlob } from '../storage/partial-blob.ts'
import type { Frames } from './frames.ts'

/** Called with the bytes that are across, those of the blob, and those just moved. */
export type OnProgress = (bytesDone: number, bytes: number, moved: number) => void

type Chunks = AsyncIterable<Uint8Array>

export async function sendChunks(
  frames: Frames,
  store: BlobStore,
  manifest: BlobManifest,
  options: { fromChunk: number; onProgress?: OnProgress | undefined },
): Promise<void> {
  await pipe(
    chunksOf(store, manifest, options.fromChunk),
    reported(manifest, options.fromChunk, options.onProgress),
    (chunks: Chunks) => frames.sink(chunks),
  )
}

/**
 * Receives what `partial` lacks. A wrong chunk is noticed when it arrives, and nothing after it is
 * taken.
 */
export async function receiveChunks(
  frames: Frames,
  manifest: BlobManifest,
  partial: PartialBlob,
  onProgress?: OnProgress,
): Promise<void> {
  await pipe(
    frames.source({ frameBytesMax: BLOB_CHUNK_BYTES }),
    checked(manifest, partial.chunks),
    storedIn(partial),
    reported(manifest, partial.chunks, onProgress),
    drain,
  )
  const count = chunkCount(manifest.bytes)
  if (partial.chunks !== count) {
    throw new ProtocolError(
      'truncated',
      `Blob ${manifest.digest} ended after chunk ${partial.chunks} of ${count}`,
    )
  }
}

async function* chunksOf(store: BlobStore, manifest: BlobManifest, fromChunk: number): Chunks {
  for (let index = fromChunk; index < chunkCount(manifest.bytes); index++) {
    yield await store.readChunk(manifest.digest, index)
  }
}

function checked(manifest: BlobManifest, fromChunk: number): (chunks: Chunks) => Chunks {
  return async function* (chunks) {
    let index = fromChunk
    for await (const chunk of chunks) {
      checkChunk(manifest, index++, chunk)
      yield chunk
    }
  }
}

function storedIn(partial: PartialBlob): (chunks: Chunks) => Chunks {
  return async function* (chunks) {
    for await (const chunk of chunks) {
      await partial.append(chunk)
      yield chunk
    }
  }
}

function reported(
  manifest: BlobManifest,
  fromChunk: number,
  onProgress: OnProgress | undefined,
): (chunks: Chunks) => Chunks {
  return async function* (chunks) {
    let bytesDone = fromChunk * BLOB_CHUNK_BYTES
    for await (const chunk of chunks) {
      yield chunk
      bytesDone += chunk.length
      onProgress?.(bytesDone, manifest.bytes, chunk.length)
    }
  }
}

async function drain(chunks: Chunks): Promise<void> {
  for await (const _ of chunks) {
    // Everything happened on the way here.
  }
}
