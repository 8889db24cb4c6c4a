/**
 * Requests and replies: one short stream a call. Noise has proved who the peer is, so calls are not
 * signed. The protocol's id has no version: `join` carries it, so that a peer of another version is
 * told so instead of meeting a closed door.
 */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { ProtocolError } from '../../protocol/errors.ts'
import { REQUEST_TIMEOUT_MS } from '../../protocol/limits.ts'
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  type PeerId,
  REPLY_BYTES_MAX,
  type Reply,
  type Request,
} from '../../protocol/messages.ts'
import { withDeadline } from './deadline.ts'
import { asError, NetworkError } from './errors.ts'
import { countFault } from './faults.ts'
import { Frames, openFrames } from './frames.ts'
import { REQUESTS_PER_PEER_MAX } from './limits.ts'
import { createQuota } from './quota.ts'
import { reasonText } from './reason.ts'

export const RPC_PROTOCOL = '/barnraise/rpc'

export type RequestHandler = (
  peer: PeerId,
  request: Request,
  /** Aborted when the peer gives up or the deadline passes. */
  signal: AbortSignal,
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
        withDeadline(timeoutMs, frames.closed, (signal) => answer(frames, peer, signal)),
      )
    } catch (error) {
      frames.abort(asError(error))
      countFault(host, peer, error)
      if (!(error instanceof ProtocolError || error instanceof NetworkError))
        onError?.(asError(error))
    }
  }

  async function answer(frames: Frames, peer: PeerId, signal: AbortSignal): Promise<void> {
    const cancel = () => void frames.abort(asError(signal.reason))
    signal.addEventListener('abort', cancel, { once: true })
    const frame = await frames.read()
    if (frame === null)
      throw new ProtocolError('truncated', 'The peer ended the call without a request')
    await frames.write(encodeReply(await replyTo(frame, peer, signal)))
    await frames.close()
  }

  async function replyTo(frame: Uint8Array, peer: PeerId, signal: AbortSignal): Promise<Reply> {
    let request: Request
    try {
      request = decodeRequest(frame)
    } catch (error) {
      countFault(host, peer, error)
      return { type: 'refused', refusal: 'malformed', reason: reasonText(asError(error).message) }
    }
    return handler(peer, request, signal)
  }

  await host.handle(RPC_PROTOCOL, serve, { maxInboundStreams: REQUESTS_PER_PEER_MAX })
}
