/**
 * A blob from others than the coordinator. The coordinator gives the hashes of its chunks, so
 * whoever has the chunks need not be believed: a wrong one is noticed when it is there, and what
 * was right before it stays for the next source. What no source gives is left to the coordinator.
 */
import {
  BLOB_CHUNK_BYTES,
  type BlobManifest,
  type BlobReference,
  checkChunk,
  chunkCount,
  DigestMismatch,
} from '../../protocol/index.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import { StorageError } from '../storage/errors.ts'
import { OWN, type PartialBlob } from '../storage/partial-blob.ts'
import { inChunks } from './chunks.ts'
import { TimeoutError } from './errors.ts'
import { SOURCE_BYTES_MIN, SOURCE_PACE_MS } from './limits.ts'
import type { OnProgress } from './transfer.ts'

export interface OpenSource {
  /** The byte that the first piece begins with: the one that was asked for, or one before it. */
  at: number
  /** The bytes, cut in any way. */
  pieces: AsyncIterable<Uint8Array>
}

export interface BlobSource {
  /** What it is called to people. */
  name: string
  /** @throws Error that says in words why it does not give it */
  open(blob: BlobReference, from: number, signal: AbortSignal): Promise<OpenSource>
}

export interface SourcesOptions {
  /** The first is asked first. */
  sources: readonly BlobSource[]
  hearManifest(): Promise<BlobManifest>
  signal: AbortSignal
  onProgress: OnProgress
  /** Told of the transfer when it begins, for whoever hands its chunks on. */
  onOpen?(partial: PartialBlob): void
  /** Told of a source that is left, and why. */
  onLeft(source: BlobSource, reason: string): void
  /** A source that takes longer for SOURCE_BYTES_MIN is left. */
  paceMs?: number
}

/**
 * Brings as much of a blob into the store as the sources give; what is not whole then stays there
 * as a transfer to go on with.
 * @throws StorageError, what `hearManifest` throws, DigestMismatch where its hashes are not those
 * of the blob, and the signal's reason
 */
export async function fetchFromSources(
  blob: BlobReference,
  store: BlobStore,
  options: SourcesOptions,
): Promise<void> {
  const { sources, signal, hearManifest } = options
  if (await store.has(blob.digest)) return
  const partial = await store.openPartial(OWN, blob, signal)
  try {
    // Somebody else may have fetched it while we waited for our turn.
    if (await store.has(blob.digest)) return
    const manifest = await hearManifest()
    await partial.keep(manifest)
    options.onOpen?.(partial)
    const isWhole = () => partial.chunks === chunkCount(blob.bytes)
    for (const source of sources) {
      if (!isWhole()) await takeFrom(source, manifest, partial, options)
    }
    if (isWhole()) await partial.finish()
  } finally {
    await partial.close()
  }
}

/** What a source may send in all, as a multiple of the blob, before it is not asked again. */
const TIMES_MAX = 2

/** Takes what a source gives; one that breaks is asked again, for as long as it gives something. */
async function takeFrom(
  source: BlobSource,
  manifest: BlobManifest,
  partial: PartialBlob,
  options: SourcesOptions,
): Promise<void> {
  let sent = 0
  const onProgress: OnProgress = (done, bytes, moved) => {
    sent += moved
    options.onProgress(done, bytes, moved)
  }
  for (;;) {
    options.signal.throwIfAborted()
    const before = partial.chunks
    try {
      return await takeOnce(source, manifest, partial, { ...options, onProgress })
    } catch (error) {
      options.signal.throwIfAborted()
      if (error instanceof StorageError) throw error
      const isWorthIt = partial.chunks > before && sent < TIMES_MAX * manifest.bytes
      const isBroken = !(error instanceof DigestMismatch || error instanceof TimeoutError)
      if (isWorthIt && isBroken) continue
      return options.onLeft(source, (error as Error).message)
    }
  }
}

async function takeOnce(
  source: BlobSource,
  manifest: BlobManifest,
  partial: PartialBlob,
  { signal, onProgress, paceMs = SOURCE_PACE_MS }: SourcesOptions,
): Promise<void> {
  const { bytes } = manifest
  const from = partial.chunks * BLOB_CHUNK_BYTES
  const patience = createPatience(paceMs, signal)
  let moved = 0
  const report = () => {
    const done = Math.min(bytes, partial.chunks * BLOB_CHUNK_BYTES)
    if (moved > 0) onProgress(done, bytes, moved)
    moved = 0
  }
  const count = (piece: Uint8Array) => {
    moved += piece.length
    patience.hear(piece.length)
  }
  try {
    const { at, pieces } = await source.open(manifest, from, patience.signal)
    const rest = window(counted(pieces, count), from - at, bytes - from)
    for await (const chunk of inChunks(rest, bytes - from)) {
      patience.signal.throwIfAborted()
      checkChunk(manifest, partial.chunks, chunk)
      await partial.append(chunk)
      report()
    }
  } catch (error) {
    throw patience.signal.aborted ? patience.signal.reason : error
  } finally {
    report()
    patience.stop()
  }
}

interface Patience {
  signal: AbortSignal
  hear(bytes: number): void
  stop(): void
}

/** A signal that aborts when SOURCE_BYTES_MIN take too long, or when `parent` does. */
function createPatience(timeoutMs: number, parent: AbortSignal): Patience {
  const controller = new AbortController()
  const expire = () =>
    controller.abort(
      new TimeoutError(`it gave less than ${SOURCE_BYTES_MIN} bytes in ${timeoutMs} ms`),
    )
  const cancel = () => controller.abort(parent.reason)
  parent.addEventListener('abort', cancel, { once: true })
  let timer = setTimeout(expire, timeoutMs)
  let heard = 0
  return {
    signal: controller.signal,
    hear(bytes) {
      heard += bytes
      if (heard < SOURCE_BYTES_MIN) return
      heard = 0
      clearTimeout(timer)
      timer = setTimeout(expire, timeoutMs)
    },
    stop() {
      clearTimeout(timer)
      parent.removeEventListener('abort', cancel)
    },
  }
}

async function* counted(
  pieces: AsyncIterable<Uint8Array>,
  count: (piece: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    count(piece)
    yield piece
  }
}

/** So many bytes after the first ones that are skipped; no more is read. */
async function* window(
  pieces: AsyncIterable<Uint8Array>,
  skipped: number,
  length: number,
): AsyncGenerator<Uint8Array> {
  let begin = skipped
  let left = length
  for await (const piece of pieces) {
    const part = piece.subarray(begin, begin + left)
    begin -= Math.min(begin, piece.length)
    left -= part.length
    if (part.length > 0) yield part
    if (left === 0) return
  }
}
