/**
 * Notices: what the coordinator announces. Each volunteer opens one long-lived stream and only reads it; the
 * coordinator keeps a bounded queue a peer, so that one that doesn't read costs its own connection and
 * nobody else's memory. A heartbeat makes silence mean a dead link. Bytes in bulk are pulled, never pushed.
 */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { ProtocolError } from '../../protocol/errors.ts'
import { HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS } from '../../protocol/limits.ts'
import { decodeNotice, encodeNotice, type Notice, type PeerId } from '../../protocol/messages.ts'
import { disconnect } from './connection-guard.ts'
import { asError } from './errors.ts'
import { countFault } from './faults.ts'
import { Frames, openFrames } from './frames.ts'
import { NOTICE_QUEUE_MAX } from './limits.ts'

export const NOTICES_PROTOCOL = '/barnraise/notices'

export interface NoticeBoard {
  /** False when the peer isn't listening; true says that it is queued, not that it was read. */
  send(peer: PeerId, notice: Notice): boolean
  broadcast(notice: Notice): void
  /** Who listens, sorted. */
  peers(): PeerId[]
  onOpen(listener: (peer: PeerId) => void): void
  onClose(listener: (peer: PeerId) => void): void
  close(): Promise<void>
}

export interface NoticeBoardOptions {
  /** Only these may listen. @default everyone */
  isMember?: (peer: PeerId) => boolean
  heartbeatMs?: number
  queueMax?: number
}

interface Mailbox {
  peer: PeerId
  frames: Frames
  /** Encoded notices; the first is being written. */
  queue: Uint8Array[]
  delivering: boolean
}

export async function createNoticeBoard(
  host: Libp2p,
  options: NoticeBoardOptions = {},
): Promise<NoticeBoard> {
  const { isMember = () => true, heartbeatMs = HEARTBEAT_MS, queueMax = NOTICE_QUEUE_MAX } = options
  const mailboxes = new Map<PeerId, Mailbox>()
  const listeners = {
    open: [] as ((peer: PeerId) => void)[],
    close: [] as ((peer: PeerId) => void)[],
  }
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
    if (!mailbox.delivering) void deliver(mailbox)
  }

  /** Never rejects: a failed write resets the stream, which ends `serve`. */
  async function deliver(mailbox: Mailbox): Promise<void> {
    mailbox.delivering = true
    try {
      for (let frame = mailbox.queue[0]; frame !== undefined; frame = mailbox.queue[0]) {
        await mailbox.frames.write(frame)
        mailbox.queue.shift()
      }
    } catch (error) {
      countFault(host, mailbox.peer, error)
    } finally {
      mailbox.delivering = false
    }
  }

  async function serve(stream: Stream, connection: Connection): Promise<void> {
    const frames = new Frames(stream, { frameBytesMax: 0 })
    const peer = connection.remotePeer.toString()
    if (!isMember(peer)) {
      frames.abort(new ProtocolError('refused', 'Only members hear notices'))
      return
    }
    mailboxes.get(peer)?.frames.abort(new ProtocolError('refused', 'Replaced by a newer stream'))
    const mailbox: Mailbox = { peer, frames, queue: [], delivering: false }
    mailboxes.set(peer, mailbox)
    post(mailbox, heartbeat)
    for (const listener of listeners.open) listener(peer)
    try {
      await expectNothing(frames)
      await frames.close()
    } catch (error) {
      frames.abort(asError(error))
      countFault(host, peer, error)
    } finally {
      if (mailboxes.get(peer) === mailbox) {
        mailboxes.delete(peer)
        for (const listener of listeners.close) listener(peer)
      }
    }
  }

  const timer = setInterval(() => {
    for (const mailbox of mailboxes.values()) post(mailbox, heartbeat)
  }, heartbeatMs)
  await host.handle(NOTICES_PROTOCOL, serve, { maxInboundStreams: 2 })

  return {
    send(peer, notice) {
      const mailbox = mailboxes.get(peer)
      if (mailbox === undefined) return false
      post(mailbox, encodeNotice(notice))
      return true
    },
    broadcast(notice) {
      const frame = encodeNotice(notice)
      for (const mailbox of mailboxes.values()) post(mailbox, frame)
    },
    peers: () => [...mailboxes.keys()].sort(),
    onOpen: (listener) => void listeners.open.push(listener),
    onClose: (listener) => void listeners.close.push(listener),
    async close() {
      clearInterval(timer)
      await host.unhandle(NOTICES_PROTOCOL)
      await Promise.allSettled([...mailboxes.values()].map(({ frames }) => frames.close()))
    },
  }
}

/**
 * Hears notices, heartbeats too, until the coordinator ends the stream (resolves) or the link breaks
 * (rejects); a silence longer than `timeoutMs` is an error.
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
    for await (const frame of frames.source()) {
      onNotice(decodeNotice(frame))
    }
    await frames.close()
  } catch (error) {
    throw frames.abort(asError(error))
  }
}

/** Waits for the peer's end of the stream. @throws ProtocolError when it says anything. */
async function expectNothing(frames: Frames): Promise<void> {
  const frame = await frames.read({ timeoutMs: Number.POSITIVE_INFINITY })
  if (frame !== null) throw new ProtocolError('malformed', 'Nothing is said on a stream of notices')
}
