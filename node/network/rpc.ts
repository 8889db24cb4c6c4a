/**
 * Requests and replies: one short stream a call. Noise has proved who the peer is, so calls are not
 * signed. The protocol's id has no version: `join` carries it, so that a peer of another version is
 * told so instead of meeting a closed door.
 */

import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  type PeerId,
  ProtocolError,
  REPLY_BYTES_MAX,
  REQUEST_TIMEOUT_MS,
  type Reply,
  type Request,
  reasonOf,
} from '../../protocol/index.ts'
import { withDeadline } from './deadline.ts'
import { asError, NetworkError } from './errors.ts'
import { countFault } from './faults.ts'
import { Frames, openFrames } from './frames.ts'
import { REQUESTS_PER_PEER_MAX } from './limits.ts'
import { createQuota } from './quota.ts'

export const RPC_PROTOCOL = '/barnraise/rpc'

export type RequestHandler = (
  peer: PeerId,
  request: Request,
  /** Aborted when the peer gives up or the deadline passes. */
  signal: AbortSignal,
  connection: Connection,
) => Promise<Reply>

export interface ServeOptions {
  timeoutMs?: number
  /** An error of the handler itself: the call is reset, and nobody else would hear of it. */
  onError?: (error: Error) => void
}

/**
 * Asks, and waits for the answer.
 * @throws NetworkError `lost` or `timeout`, ProtocolError when the reply is not a reply
 */
export async function request(
  connection: Connection,
  request: Request,
  signal?: AbortSignal,
  { timeoutMs = REQUEST_TIMEOUT_MS } = {},
): Promise<Reply> {
  return withDeadline(timeoutMs, signal, async (deadline) => {
    const frames = await openFrames(connection, RPC_PROTOCOL, {
      signal: deadline,
      frameBytesMax: REPLY_BYTES_MAX,
      idleTimeoutMs: timeoutMs,
    })
    try {
      await frames.write(encodeRequest(request))
      await frames.close()
      const reply = await frames.read()
      if (reply === null) throw new NetworkError('lost', 'The peer ended the call without a reply')
      return decodeReply(reply)
    } catch (error) {
      throw frames.abort(asError(error))
    }
  })
}

/**
 * Answers every request with what `handler` returns, and a malformed one with a refusal that names
 * the field.
 */
export async function serveRequests(
  host: Libp2p,
  handler: RequestHandler,
  options: ServeOptions = {},
): Promise<void> {
  const { timeoutMs = REQUEST_TIMEOUT_MS, onError } = options
  const quota = createQuota(REQUESTS_PER_PEER_MAX)

  async function serve(stream: Stream, connection: Connection): Promise<void> {
    const frames = new Frames(stream, { idleTimeoutMs: timeoutMs })
    const peer = connection.remotePeer.toString()
    try {
      await quota.run(peer, () =>
        withDeadline(timeoutMs, frames.closed, (signal) => answer(frames, connection, signal)),
      )
    } catch (error) {
      frames.abort(asError(error))
      countFault(host, peer, error)
      if (!(error instanceof ProtocolError || error instanceof NetworkError))
        onError?.(asError(error))
    }
  }

  async function answer(
    frames: Frames,
    connection: Connection,
    signal: AbortSignal,
  ): Promise<void> {
    const cancel = () => void frames.abort(asError(signal.reason))
    signal.addEventListener('abort', cancel, { once: true })
    const frame = await frames.read()
    if (frame === null)
      throw new ProtocolError('truncated', 'The peer ended the call without a request')
    await frames.write(encodeReply(await replyTo(frame, connection, signal)))
    await frames.close()
  }

  async function replyTo(
    frame: Uint8Array,
    connection: Connection,
    signal: AbortSignal,
  ): Promise<Reply> {
    const peer = connection.remotePeer.toString()
    let request: Request
    try {
      request = decodeRequest(frame)
    } catch (error) {
      countFault(host, peer, error)
      return { type: 'refused', refusal: 'malformed', reason: reasonOf(asError(error).message) }
    }
    return handler(peer, request, signal, connection)
  }

  await host.handle(RPC_PROTOCOL, serve, { maxInboundStreams: REQUESTS_PER_PEER_MAX })
}
