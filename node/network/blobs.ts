/**
 * Blobs, as the volunteer moves them: fetch by digest, upload what a lease made. Both go on where
 * an earlier attempt broke, chunk by chunk, and believe nothing but hashes.
 */

import type { Connection } from '@libp2p/interface'
import {
  BLOB_CHUNK_BYTES,
  type BlobManifest,
  type BlobReference,
  chunkCount,
  decodeBlobManifest,
  encodeBlobManifest,
  type LeaseId,
  STREAM_IDLE_TIMEOUT_MS,
  UPLOAD_SLOT_TIMEOUT_MS,
} from '../../protocol/index.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import { OWN, type PartialBlob } from '../storage/partial-blob.ts'
import {
  BLOB_PROTOCOL,
  hearAnswer,
  hearManifest,
  type Offer,
  say,
  UPLOAD_PROTOCOL,
  type Want,
} from './blob-messages.ts'
import type { BlobSource } from './blob-sources.ts'
import { asError } from './errors.ts'
import { type Frames, openFrames } from './frames.ts'
import { type OnProgress, receiveChunks, sendChunks } from './transfer.ts'

export { serveBlobs } from './serve-blobs.ts'

export interface TransferOptions {
  signal?: AbortSignal
  onProgress?: OnProgress
  idleTimeoutMs?: number
  /** Longest wait for the coordinator to have time for us. */
  slotTimeoutMs?: number
}

/**
 * Fetches a blob into the store, unless it is there.
 * @throws ProtocolError `refused`, or `digest-mismatch` when it isn't what its digest says (nothing
 * is kept then); NetworkError when the link breaks (what arrived is kept)
 */
export async function fetchBlob(
  connection: Connection,
  blob: BlobReference,
  store: BlobStore,
  options: TransferOptions = {},
): Promise<void> {
  if (await store.has(blob.digest)) return
  const partial = await store.openPartial(OWN, blob, options.signal)
  try {
    // Somebody else may have fetched it while we waited for our turn.
    if (await store.has(blob.digest)) return
    // Others wait for the place that chunks come by, and what is here of a large blob is read long.
    if (partial.chunks > 0) await partial.keep(await fetchManifest(connection, blob, options))
    await fetchRest(connection, blob, partial, options)
    await partial.finish()
  } finally {
    await partial.close()
  }
}

/** The coordinator as one source among others. */
export const coordinatorSource = (connection: Connection): BlobSource => ({
  name: 'the coordinator',
  async open({ digest, bytes }, from, signal) {
    const frames = await openFrames(connection, BLOB_PROTOCOL, { signal })
    try {
      await askManifest(frames, { digest, bytes, fromChunk: from / BLOB_CHUNK_BYTES }, { signal })
      return { at: from, pieces: frames.source({ frameBytesMax: BLOB_CHUNK_BYTES }) }
    } catch (error) {
      throw frames.abort(asError(error))
    }
  },
})

/**
 * The hashes of a blob's chunks, by which chunks from elsewhere are judged; none of the blob moves.
 * @throws ProtocolError `refused`, NetworkError
 */
export function fetchManifest(
  connection: Connection,
  blob: BlobReference,
  options: TransferOptions = {},
): Promise<BlobManifest> {
  return onStream(connection, BLOB_PROTOCOL, options, async (frames) => {
    const want: Want = { ...blob, fromChunk: chunkCount(blob.bytes) }
    return askManifest(frames, want, options)
  })
}

async function fetchRest(
  connection: Connection,
  blob: BlobReference,
  partial: PartialBlob,
  options: TransferOptions,
): Promise<void> {
  return onStream(connection, BLOB_PROTOCOL, options, async (frames) => {
    const manifest = await askManifest(frames, { ...blob, fromChunk: partial.chunks }, options)
    await receiveChunks(frames, manifest, partial, options.onProgress)
  })
}

async function askManifest(
  frames: Frames,
  want: Want,
  options: TransferOptions,
): Promise<BlobManifest> {
  await say(frames, want)
  await frames.close()
  await hearAnswer(frames, 'go', { timeoutMs: answerTimeoutMs(options) })
  return decodeBlobManifest(await hearManifest(frames, want), want)
}

/**
 * Uploads what a lease made; resolves when the coordinator has it on disk.
 * @throws ProtocolError `refused`, NetworkError; another attempt goes on where this one broke
 */
export async function uploadBlob(
  connection: Connection,
  leaseId: LeaseId,
  payload: BlobReference,
  store: BlobStore,
  options: TransferOptions = {},
): Promise<void> {
  const manifest = await store.manifest(payload.digest)
  await onStream(connection, UPLOAD_PROTOCOL, options, async (frames) => {
    const offer: Offer = { leaseId, payload }
    await say(frames, offer)
    await frames.write(encodeBlobManifest(manifest))
    const { fromChunk } = await hearAnswer(frames, 'go', { timeoutMs: answerTimeoutMs(options) })
    await sendChunks(frames, store, manifest, { fromChunk, onProgress: options.onProgress })
    await frames.close()
    await hearAnswer(frames, 'stored')
  })
}

function answerTimeoutMs(options: TransferOptions): number {
  const { slotTimeoutMs = UPLOAD_SLOT_TIMEOUT_MS, idleTimeoutMs = STREAM_IDLE_TIMEOUT_MS } = options
  return slotTimeoutMs + idleTimeoutMs
}

async function onStream<T>(
  connection: Connection,
  protocol: string,
  { signal, idleTimeoutMs = STREAM_IDLE_TIMEOUT_MS }: TransferOptions,
  work: (frames: Frames) => Promise<T>,
): Promise<T> {
  const frames = await openFrames(connection, protocol, { signal, idleTimeoutMs })
  try {
    return await work(frames)
  } catch (error) {
    throw frames.abort(asError(error))
  }
}
