/**
 * The base, from one volunteer to another of the same network: one stream, on which it is asked for
 * by a proof and given chunk by chunk. Neither the run nor the digest is said: the proof is made of
 * both, and of the two peers, so that it shows nothing to whoever hears it, and lets nobody in
 * elsewhere. Who has no such proof is told nothing.
 */
import type { Connection, Stream } from '@libp2p/interface'
import {
  BLOB_BYTES_MAX,
  BLOB_CHUNK_BYTES,
  chunkCount,
  type Digest,
  decode,
  digest,
  digestOf,
  encode,
  integer,
  type PeerId,
  ProtocolError,
  parse,
  type RunId,
  struct,
} from '../../protocol/index.ts'
import { answerSchema, say } from './blob-messages.ts'
import { asError, DeclinedError, NetworkError, TimeoutError } from './errors.ts'
import { Frames, openFrames } from './frames.ts'
import type { GrowingBlob } from './growing-blob.ts'
import { hear, hearFrame } from './hear.ts'
import type { Host } from './host.ts'
import {
  SHARED_AT_ONCE,
  SHARED_AT_ONCE_PER_ADDRESS,
  SHARED_BYTES_PER_SECOND,
  SHARING_CONNECTIONS_MAX,
  SHARING_CONNECTIONS_PER_ADDRESS_MAX,
  SHARING_PROOF_TIMEOUT_MS,
} from './limits.ts'
import { placeOfMultiaddr } from './near.ts'
import { createQuota } from './quota.ts'

export const SHARE_PROTOCOL = '/barnraise/share'
/** One peer may have as many: the first may have broken without being known to. */
const STREAMS_MAX = 2
const GONE = 'It is not shared now'

const wishSchema = struct({ proof: digest, fromChunk: integer(0, chunkCount(BLOB_BYTES_MAX)) })

/** What both know who have joined a run: it is never sent. */
export interface Secret {
  runId: RunId
  base: Digest
}

export function proofOf({ runId, base }: Secret, asker: PeerId, sharer: PeerId): Digest {
  return digestOf(encode({ purpose: 'barnraise share 1', runId, base, asker, sharer }))
}

export interface Sharing {
  /** While it pauses nobody is given anything; what is being given ends. */
  setPaused(isPaused: boolean): void
}

export interface ShareOptions {
  secret: Secret
  growing: GrowingBlob
  isPaused: boolean
  /** Told of bytes that were given. */
  onMoved(bytes: number): void
  /** A connection that shows no proof is closed after it. @default SHARING_PROOF_TIMEOUT_MS */
  proofTimeoutMs?: number
}

/** The IP address that a peer comes from. */
const ipOf = (remoteAddr: Connection['remoteAddr']): string => `${remoteAddr}`.split('/')[2] ?? ''

/** Whether there is no place for whoever comes from an address, by those who are here. */
export function isFull(
  here: readonly Pick<Connection, 'remoteAddr'>[],
  remoteAddr: Connection['remoteAddr'],
): boolean {
  const near = here.filter((one) => ipOf(one.remoteAddr) === ipOf(remoteAddr))
  return (
    placeOfMultiaddr(`${remoteAddr}`) === 'world' ||
    here.length >= SHARING_CONNECTIONS_MAX ||
    near.length >= SHARING_CONNECTIONS_PER_ADDRESS_MAX
  )
}

export async function serveShare(
  host: Host,
  { secret, growing, isPaused, onMoved, proofTimeoutMs }: ShareOptions,
): Promise<Sharing> {
  const me = host.peerId.toString()
  const quota = createQuota(STREAMS_MAX)
  const pace = createPace(SHARED_BYTES_PER_SECOND)
  const serving = new Map<Frames, string>()
  const proved = expectProofs(host, proofTimeoutMs)
  let paused = isPaused

  async function give(frames: Frames, fromChunk: number): Promise<void> {
    await say(frames, { type: 'go', fromChunk })
    for (let index = fromChunk; index < growing.count; index++) {
      const chunk = await growing.read(index, frames.closed)
      await pace(chunk.length)
      await frames.write(chunk)
      onMoved(chunk.length)
    }
    await frames.close()
  }

  function isBusy(from: string): boolean {
    const near = [...serving.values()].filter((one) => one === from)
    return serving.size >= SHARED_AT_ONCE || near.length >= SHARED_AT_ONCE_PER_ADDRESS
  }

  async function answer(frames: Frames, peer: PeerId, connection: Connection): Promise<void> {
    const { proof, fromChunk } = await hear(frames, wishSchema, 'wish')
    if (proof !== proofOf(secret, peer, me)) throw new ProtocolError('refused', 'No proof')
    proved.add(connection)
    const from = ipOf(connection.remoteAddr)
    if (paused || isBusy(from)) {
      await say(frames, { type: 'refused', refusal: null, reason: 'Not now' })
      return frames.close()
    }
    serving.set(frames, from)
    await give(frames, fromChunk).finally(() => serving.delete(frames))
  }

  await host.handle(SHARE_PROTOCOL, async (stream: Stream, connection: Connection) => {
    const frames = new Frames(stream)
    const peer = connection.remotePeer.toString()
    try {
      await quota.run(peer, () => answer(frames, peer, connection))
    } catch (error) {
      frames.abort(asError(error))
      // Whoever comes without a proof has nothing to do here.
      if (error instanceof ProtocolError) connection.abort(asError(error))
    }
  })

  return {
    setPaused: (now) => {
      paused = now
      if (!paused) return
      for (const frames of serving.keys()) frames.abort(new NetworkError('lost', GONE))
    },
  }
}

/** Closes connections that are not in the set in time. */
function expectProofs(host: Host, timeoutMs = SHARING_PROOF_TIMEOUT_MS): WeakSet<Connection> {
  const proved = new WeakSet<Connection>()
  host.addEventListener('connection:open', ({ detail: connection }) => {
    if (connection.direction !== 'inbound') return
    const timer = setTimeout(() => {
      if (!proved.has(connection)) connection.abort(new TimeoutError(`No proof in ${timeoutMs} ms`))
    }, timeoutMs)
    connection.addEventListener('close', () => clearTimeout(timer))
  })
  return proved
}

/** Waits so that all who wait get so many bytes a second together. */
function createPace(bytesPerSecond: number): (bytes: number) => Promise<void> {
  let freeAt = 0
  return async (bytes) => {
    const now = performance.now()
    freeAt = Math.max(now, freeAt) + (bytes / bytesPerSecond) * 1000
    const waitMs = freeAt - now
    if (waitMs > 20) await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
}

/**
 * The chunks from one on, as another volunteer gives them.
 * @throws DeclinedError where it gives none now; NetworkError, ProtocolError
 */
export async function askShare(
  connection: Connection,
  me: PeerId,
  { secret, fromChunk, signal }: { secret: Secret; fromChunk: number; signal: AbortSignal },
): Promise<AsyncIterable<Uint8Array>> {
  const frames = await openFrames(connection, SHARE_PROTOCOL, { signal })
  try {
    const proof = proofOf(secret, me, connection.remotePeer.toString())
    await frames.write(encode({ proof, fromChunk }))
    await frames.close()
    const answer = parse(answerSchema, decode(await hearFrame(frames, 'answer')), 'answer')
    if (answer.type !== 'go') throw new DeclinedError('It gives nothing now')
    return frames.source({ frameBytesMax: BLOB_CHUNK_BYTES })
  } catch (error) {
    throw frames.abort(asError(error))
  }
}
