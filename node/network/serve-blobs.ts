/**
 * Blobs, as the coordinator moves them: it serves what a peer may have, and takes what a peer has
 * committed. Nothing is sent in bulk before the receiver says `go`; the coordinator says it to a
 * few dozen at a time, so that a round's end with thousands of uploads costs the memory of those.
 */

import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import {
  type BlobManifest,
  type BlobReference,
  chunkCount,
  type Digest,
  DigestMismatch,
  decodeBlobManifest,
  encodeBlobManifest,
  type LeaseId,
  type PeerId,
  ProtocolError,
  type Refusal,
  type Reply,
  reasonOf,
  STREAM_IDLE_TIMEOUT_MS,
  UPLOAD_SLOT_TIMEOUT_MS,
  UPLOAD_SLOTS,
} from '../../protocol/index.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import {
  BLOB_PROTOCOL,
  hearManifest,
  offerSchema,
  say,
  UPLOAD_PROTOCOL,
  wantSchema,
} from './blob-messages.ts'
import { withDeadline } from './deadline.ts'
import { asError, NetworkError, TimeoutError } from './errors.ts'
import { countFault } from './faults.ts'
import { Frames } from './frames.ts'
import { hear } from './hear.ts'
import { DOWNLOAD_SLOTS, DOWNLOADS_PER_PEER_MAX, TURN_MS, UPLOADS_PER_PEER_MAX } from './limits.ts'
import { createQuota, type Quota } from './quota.ts'
import { createSlots, type Slots } from './slots.ts'
import { type OnProgress, receiveChunks, sendChunks } from './transfer.ts'

export type PayloadVerdict = { status: 'taken' } | { status: 'refused'; reason: string }

export interface ServeBlobsOptions {
  mayServe(peer: PeerId, digest: Digest): boolean | Promise<boolean>
  /** `go` admits; a refusal is passed on. */
  admitUpload(
    peer: PeerId,
    leaseId: LeaseId,
    payload: BlobReference,
    signal: AbortSignal,
  ): Promise<Reply>
  /**
   * The payload is whole and stored: is it one? The uploader is told. It is asked again when the
   * uploader didn't hear and tries again.
   */
  onUploaded(
    peer: PeerId,
    leaseId: LeaseId,
    payload: BlobReference,
  ): Promise<PayloadVerdict> | PayloadVerdict
  /** What an admitted peer sent is not the payload it committed to, or is none; it is not kept. */
  onUploadRefused(peer: PeerId, leaseId: LeaseId, reason: string): void
  /** Told of bytes of a blob that were sent. */
  onServed?: (digest: Digest, bytes: number) => void
  /** An error of ours: the transfer is reset, and nobody else would hear of it. */
  onError?: (error: Error) => void
  uploadSlots?: number
  downloadSlots?: number
  /** How long a transfer keeps its slot while others wait. */
  turnMs?: number
  slotTimeoutMs?: number
  idleTimeoutMs?: number
}

interface Service extends ServeBlobsOptions {
  store: BlobStore
  uploads: Slots
  downloads: Slots
  slotTimeoutMs: number
}

/** Resolves with what waits for the end of all transfers, once the host has stopped. */
export async function serveBlobs(
  host: Libp2p,
  store: BlobStore,
  options: ServeBlobsOptions,
): Promise<() => Promise<void>> {
  const { idleTimeoutMs = STREAM_IDLE_TIMEOUT_MS, turnMs = TURN_MS, onError } = options
  const service: Service = {
    ...options,
    store,
    uploads: createSlots(options.uploadSlots ?? UPLOAD_SLOTS, turnMs),
    downloads: createSlots(options.downloadSlots ?? DOWNLOAD_SLOTS, turnMs),
    slotTimeoutMs: options.slotTimeoutMs ?? UPLOAD_SLOT_TIMEOUT_MS,
  }

  const transfers = new Set<Promise<void>>()
  function handler(quota: Quota, serve: Serve) {
    const transfer = async (stream: Stream, connection: Connection): Promise<void> => {
      const frames = new Frames(stream, { idleTimeoutMs })
      const peer = connection.remotePeer.toString()
      try {
        await quota.run(peer, () => serve(service, frames, peer))
      } catch (error) {
        frames.abort(asError(error))
        countFault(host, peer, error)
        if (!(error instanceof ProtocolError || error instanceof NetworkError))
          onError?.(asError(error))
      }
    }
    return async (stream: Stream, connection: Connection): Promise<void> => {
      const ended = transfer(stream, connection)
      transfers.add(ended)
      await ended.finally(() => transfers.delete(ended))
    }
  }

  const downloads = handler(createQuota(DOWNLOADS_PER_PEER_MAX), serveDownload)
  const uploads = handler(createQuota(UPLOADS_PER_PEER_MAX), serveUpload)
  await host.handle(BLOB_PROTOCOL, downloads, { maxInboundStreams: DOWNLOADS_PER_PEER_MAX })
  await host.handle(UPLOAD_PROTOCOL, uploads, { maxInboundStreams: UPLOADS_PER_PEER_MAX })
  return async () => void (await Promise.allSettled(transfers))
}

type Serve = (service: Service, frames: Frames, peer: PeerId) => Promise<void>

const serveDownload: Serve = async (service, frames, peer) => {
  const { store } = service
  const { digest, bytes, fromChunk } = await hear(frames, wantSchema, 'want')
  // One answer for what doesn't exist and what isn't theirs: strangers learn nothing.
  if (!(await service.mayServe(peer, digest)) || !(await store.has(digest))) {
    return refuse(frames, null, `There is no blob ${digest} for you here`)
  }
  const manifest = await store.manifest(digest)
  if (manifest.bytes !== bytes || fromChunk > chunkCount(bytes)) {
    return refuse(frames, 'wrong-payload', `Blob ${digest} has ${manifest.bytes} bytes`)
  }
  const onProgress: OnProgress = (_done, _bytes, moved) => service.onServed?.(digest, moved)
  const send = async () => {
    await say(frames, { type: 'go', fromChunk })
    await frames.write(encodeBlobManifest(manifest))
    await sendChunks(frames, store, manifest, { fromChunk, onProgress })
    await frames.close()
  }
  // Hashes alone, for whoever has the chunks from elsewhere, wait for nobody.
  if (fromChunk === chunkCount(bytes)) await send()
  else await inSlot(service.downloads, service, frames, send)
}

const serveUpload: Serve = async (service, frames, peer) => {
  const { leaseId, payload } = await hear(frames, offerSchema, 'offer')
  const verdict = await service.admitUpload(peer, leaseId, payload, frames.closed)
  if (verdict.type === 'refused') return refuse(frames, verdict.refusal, verdict.reason)
  if (verdict.type !== 'go') throw new Error(`An upload was answered '${verdict.type}'`)
  const judged = await judgePayload(service, frames, { peer, leaseId, payload })
  if (judged === 'busy') return
  if (judged.status === 'refused') {
    service.onUploadRefused(peer, leaseId, judged.reason)
    await refuse(frames, 'wrong-payload', judged.reason)
    // One of its sender's faults; what else was on its way is not waited for.
    throw new ProtocolError('malformed', judged.reason)
  }
  await say(frames, { type: 'stored' })
  await frames.close()
}

/** Takes what was offered and says whether it is a payload; what is none is not kept. */
async function judgePayload(
  service: Service,
  frames: Frames,
  { peer, leaseId, payload }: Offered,
): Promise<PayloadVerdict | 'busy'> {
  let taken: Taken
  try {
    const manifest = decodeBlobManifest(await hearManifest(frames, payload), payload)
    taken = await takePayload(service, frames, { peer, payload, manifest })
  } catch (error) {
    if (!(error instanceof DigestMismatch)) throw error
    return { status: 'refused', reason: error.message }
  }
  if (taken === 'busy') return taken
  const verdict = await service.onUploaded(peer, leaseId, payload)
  // What was here before has another use.
  if (verdict.status === 'refused' && taken === 'received')
    await service.store.remove(payload.digest)
  return verdict
}

interface Offered {
  peer: PeerId
  leaseId: LeaseId
  payload: BlobReference
}

interface Upload {
  peer: PeerId
  payload: BlobReference
  manifest: BlobManifest
}

/** `busy`: there was no slot in time, which the peer is told. */
type Taken = 'received' | 'was here' | 'busy'

async function takePayload(service: Service, frames: Frames, upload: Upload): Promise<Taken> {
  const { store } = service
  const { peer, payload, manifest } = upload
  const partial = await store.openPartial(peer, payload, frames.closed)
  try {
    if (await store.has(payload.digest)) {
      await say(frames, { type: 'go', fromChunk: chunkCount(payload.bytes) })
      return 'was here'
    }
    const wasInTime = await inSlot(service.uploads, service, frames, async () => {
      await say(frames, { type: 'go', fromChunk: await partial.keep(manifest) })
      await receiveChunks(frames, manifest, partial)
      await partial.finish()
    })
    return wasInTime ? 'received' : 'busy'
  } finally {
    await partial.close()
  }
}

/** Runs `work` when it is our turn; false when that took too long, which the peer is told. */
async function inSlot(
  slots: Slots,
  { slotTimeoutMs }: Service,
  frames: Frames,
  work: () => Promise<void>,
): Promise<boolean> {
  let started = false
  try {
    await withDeadline(slotTimeoutMs, frames.closed, (signal) =>
      slots.run(signal, async (turn) => {
        started = true
        const cut = () => void frames.abort(asError(turn.reason))
        turn.addEventListener('abort', cut, { once: true })
        await work().finally(() => turn.removeEventListener('abort', cut))
      }),
    )
    return true
  } catch (error) {
    if (started || !(error instanceof TimeoutError)) throw error
    await refuse(frames, null, `Everyone is busy for over ${slotTimeoutMs} ms: try again`)
    return false
  }
}

async function refuse(frames: Frames, refusal: Refusal | null, reason: string): Promise<void> {
  await say(frames, { type: 'refused', refusal, reason: reasonOf(reason) })
  await frames.close()
}
