/**
 * Notices: what the coordinator announces. Each volunteer opens one long-lived stream, says with
 * one empty frame that it listens (what comes before libp2p has opened the stream is lost), and
 * then only reads. The coordinator keeps a bounded queue a peer, so that one that doesn't read
 * costs its own connection and nobody else's memory. A heartbeat makes silence mean a dead link.
 * Bytes in bulk are pulled, never pushed.
 */

import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import {
  decodeNotice,
  encodeNotice,
  HEARTBEAT_MS,
  HEARTBEAT_TIMEOUT_MS,
  type Notice,
  type PeerId,
  ProtocolError,
} from '../../protocol/index.ts'
import { disconnect } from './connection-guard.ts'
import { asError, DeclinedError } from './errors.ts'
import { countFault } from './faults.ts'
import { Frames, openFrames } from './frames.ts'
import { NOTICE_FLUSH_TIMEOUT_MS, NOTICE_QUEUE_MAX } from './limits.ts'

export const NOTICES_PROTOCOL = '/barnraise/notices'

export interface NoticeBoard {
  /** False when the peer isn't listening; true says that it is queued, not that it was read. */
  send(peer: PeerId, notice: Notice): boolean
  broadcast(notice: Notice): void
  close(): Promise<void>
}

export interface NoticeBoardOptions {
  /** Only these may listen. @default everyone */
  isMember?: (peer: PeerId) => boolean
  /** What one that starts to listen is told first; null: nothing. @default nothing */
  greeting?: (peer: PeerId) => Notice | null
  heartbeatMs?: number
  queueMax?: number
}

interface Mailbox {
  peer: PeerId
  connection: Connection
  frames: Frames
  /** Encoded notices; the first is being written. */
  queue: Uint8Array[]
  /** Resolves when the queue is empty; null when it is. */
  delivery: Promise<void> | null
}

export async function createNoticeBoard(
  host: Libp2p,
  options: NoticeBoardOptions = {},
): Promise<NoticeBoard> {
  const { isMember = () => true, greeting = () => null } = options
  const { heartbeatMs = HEARTBEAT_MS, queueMax = NOTICE_QUEUE_MAX } = options
  /** One for each connection of a peer that listens. */
  const mailboxes = new Map<PeerId, Mailbox[]>()
  const heartbeat = encodeNotice({ type: 'heartbeat' })

  function post(mailbox: Mailbox, frame: Uint8Array): void {
    if (mailbox.queue.length >= queueMax) {
      const reason = new ProtocolError(
        'silent',
        `${queueMax} notices wait for the peer to read them`,
      )
      disconnect(host, mailbox.peer, reason)
      return
    }
    mailbox.queue.push(frame)
    mailbox.delivery ??= deliver(mailbox)
  }

  /** Never rejects: a failed write resets the stream, which ends `serve`. */
  async function deliver(mailbox: Mailbox): Promise<void> {
    try {
      for (let frame = mailbox.queue[0]; frame !== undefined; frame = mailbox.queue[0]) {
        await mailbox.frames.write(frame)
        mailbox.queue.shift()
      }
    } catch {
      // Told by the read that holds the mailbox open.
    } finally {
      mailbox.delivery = null
    }
  }

  /** Sends what waits, and the end; a peer that doesn't read is not waited for. */
  async function finish({ frames, delivery }: Mailbox): Promise<void> {
    const tooLate = () => void frames.abort(new ProtocolError('silent', 'The board is closing'))
    const timer = setTimeout(tooLate, NOTICE_FLUSH_TIMEOUT_MS)
    await delivery
    await frames.close().finally(() => clearTimeout(timer))
  }

  async function serve(stream: Stream, connection: Connection): Promise<void> {
    const frames = new Frames(stream, { frameBytesMax: 0 })
    const peer = connection.remotePeer.toString()
    if (!isMember(peer)) {
      frames.abort(new DeclinedError('Only members hear notices'))
      return
    }
    try {
      await expect(frames, 'hello')
      await hold({ peer, connection, frames, queue: [], delivery: null })
      await frames.close()
    } catch (error) {
      frames.abort(asError(error))
      countFault(host, peer, error)
    }
  }

  /** Keeps the mailbox open until the peer ends the stream or it breaks. */
  async function hold(mailbox: Mailbox): Promise<void> {
    const { peer, connection, frames } = mailbox
    const others = mailboxes.get(peer) ?? []
    const replaced = others.find((other) => other.connection === connection)
    replaced?.frames.abort(new DeclinedError('Replaced by a newer stream'))
    mailboxes.set(peer, others.filter((other) => other !== replaced).concat(mailbox))
    post(mailbox, heartbeat)
    const greeted = greeting(peer)
    if (greeted !== null) post(mailbox, encodeNotice(greeted))
    try {
      await expect(frames, 'end')
    } finally {
      const rest = (mailboxes.get(peer) ?? []).filter((other) => other !== mailbox)
      if (rest.length > 0) mailboxes.set(peer, rest)
      else mailboxes.delete(peer)
    }
  }

  function* all(): Iterable<Mailbox> {
    for (const ofPeer of mailboxes.values()) yield* ofPeer
  }

  const timer = setInterval(() => {
    for (const mailbox of all()) post(mailbox, heartbeat)
  }, heartbeatMs)
  await host.handle(NOTICES_PROTOCOL, serve, { maxInboundStreams: 2 })

  return {
    send(peer, notice) {
      const frame = encodeNotice(notice)
      for (const mailbox of mailboxes.get(peer) ?? []) post(mailbox, frame)
      return mailboxes.has(peer)
    },
    broadcast(notice) {
      const frame = encodeNotice(notice)
      for (const mailbox of all()) post(mailbox, frame)
    },
    async close() {
      clearInterval(timer)
      await host.unhandle(NOTICES_PROTOCOL)
      await Promise.allSettled(Array.from(all(), finish))
    },
  }
}

/**
 * Hears notices, heartbeats too, until the coordinator ends the stream (resolves) or the link
 * breaks (rejects); a silence longer than `timeoutMs` is an error.
 */
export async function listenForNotices(
  connection: Connection,
  onNotice: (notice: Notice) => void,
  signal: AbortSignal,
  { timeoutMs = HEARTBEAT_TIMEOUT_MS } = {},
): Promise<void> {
  const frames = await openFrames(connection, NOTICES_PROTOCOL, {
    signal,
    idleTimeoutMs: timeoutMs,
  })
  try {
    await frames.write(new Uint8Array(0))
    for await (const frame of frames.source()) onNotice(decodeNotice(frame))
    await frames.close()
  } catch (error) {
    throw frames.abort(asError(error))
  }
}

/**
 * Waits for what the volunteer says: the empty frame of its hello, in time, or the end of the
 * stream, however late. @throws ProtocolError when it says the other
 */
async function expect(frames: Frames, expected: 'hello' | 'end'): Promise<void> {
  const frame = await frames.read(expected === 'end' ? { timeoutMs: Number.POSITIVE_INFINITY } : {})
  if ((frame === null) !== (expected === 'end')) {
    throw new ProtocolError('malformed', `Expected the ${expected} of a stream of notices`)
  }
}
