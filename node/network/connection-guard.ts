/**
 * Which connections may stay: two of each peer at most, because libp2p's stream limits count by
 * connection, and none whose peer doesn't join. Whoever comes back has given up its old connection,
 * which may be dead without knowing; but somebody with a copy of its key comes the same way. So the
 * older stays until the newer has joined by the coordinator's decision (`keepOnly`), and is asked
 * for a sign of life where it has not (`closeDead`). The peer is never gone in between.
 */

import type { Connection, Libp2p } from '@libp2p/interface'
import type { PeerId } from '../../protocol/index.ts'
import { asError, NetworkError, TimeoutError } from './errors.ts'
import { HTTP_PROTOCOL } from './http-messages.ts'
import { SIGN_OF_LIFE_TIMEOUT_MS } from './limits.ts'

export interface ConnectionGuardOptions {
  isMember?: (peer: PeerId) => boolean
  joinTimeoutMs: number
}

export function guardConnections(host: Libp2p, options: ConnectionGuardOptions): void {
  host.addEventListener('connection:open', ({ detail: connection }) => {
    // A relay that is dialled joins nothing.
    if (connection.direction !== 'inbound') return
    closeBetween(host, connection)
    if (options.isMember !== undefined) {
      expectJoin(connection, options.isMember, options.joinTimeoutMs)
    }
  })
  host.addEventListener('peer:disconnect', ({ detail: peer }) => {
    // The peer store would remember every peer that ever came.
    host.peerStore
      .delete(peer)
      .catch((error) => host.logger.forComponent('barnraise')(asError(error)))
  })
}

/** Closes all connections of a peer, at once and without ceremony. */
export function disconnect(host: Libp2p, peer: PeerId, reason: Error): void {
  for (const connection of connectionsOf(host, peer)) connection.abort(reason)
}

/**
 * Closes those that a peer has now, once it had time to read why. It may have come back by another
 * one meanwhile, which stays.
 */
export function disconnectLater(
  host: Libp2p,
  peer: PeerId,
  { reason, delayMs }: { reason: Error; delayMs: number },
): void {
  const connections = connectionsOf(host, peer)
  setTimeout(() => {
    for (const connection of connections) connection.abort(reason)
  }, delayMs)
}

const connectionsOf = (host: Libp2p, peer: PeerId): Connection[] =>
  host.getConnections().filter(({ remotePeer }) => remotePeer.toString() === peer)

/** All but the oldest, which may be the one that works, and the newest. */
function closeBetween(host: Libp2p, newest: Connection): void {
  const others = othersOf(host, newest).sort((a, b) => a.timeline.open - b.timeline.open)
  for (const connection of others.slice(1)) replace(connection)
}

/** The peer has joined by this one. */
export function keepOnly(host: Libp2p, joined: Connection): void {
  for (const connection of othersOf(host, joined)) replace(connection)
}

/** Asks the other connections of the peer for a sign of life, and closes those that give none. */
export function closeDead(
  host: Libp2p,
  newest: Connection,
  { timeoutMs = SIGN_OF_LIFE_TIMEOUT_MS } = {},
): Promise<void> {
  const asked = othersOf(host, newest).map(async (connection) => {
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      const stream = await connection.newStream(PING_PROTOCOL, { signal, negotiateFully: true })
      stream.abort(new NetworkError('lost', 'It is alive'))
    } catch (error) {
      connection.abort(asError(error))
    }
  })
  return Promise.all(asked).then(() => {})
}

/** What every libp2p host answers. */
const PING_PROTOCOL = '/ipfs/ping/1.0.0'

function othersOf(host: Libp2p, one: Connection): Connection[] {
  return host.getConnections(one.remotePeer).filter(({ id }) => id !== one.id)
}

function replace(connection: Connection): void {
  connection.abort(new NetworkError('lost', 'A newer connection of the same peer replaces it'))
}

function expectJoin(
  connection: Connection,
  isMember: (peer: PeerId) => boolean,
  timeoutMs: number,
): void {
  const peer = connection.remotePeer.toString()
  const timer = setInterval(() => {
    if (isMember(peer)) clearInterval(timer)
    else if (!isWatching(connection)) {
      connection.abort(new TimeoutError(`Not joined in ${timeoutMs} ms`))
    }
  }, timeoutMs)
  connection.addEventListener('close', () => clearInterval(timer))
}

/** Whoever looks at the pages joins nothing. */
const isWatching = ({ streams }: Connection): boolean =>
  streams.some(({ protocol }) => protocol === HTTP_PROTOCOL)
