/**
 * Which connections may stay: one for each peer, the newest (libp2p's stream limits count by
 * connection, and a peer that comes back has given up its old one), and none whose peer doesn't
 * join. The side that was dialled decides: it closes the older when it has the newer, so that the
 * peer is never gone in between.
 */
import type { Connection, Libp2p } from '@libp2p/interface'
import type { PeerId } from '../../protocol/messages.ts'
import { asError, NetworkError } from './errors.ts'

export interface ConnectionGuardOptions {
  isMember?: (peer: PeerId) => boolean
  joinTimeoutMs: number
}

export function guardConnections(host: Libp2p, options: ConnectionGuardOptions): void {
  host.addEventListener('connection:open', ({ detail: connection }) => {
    if (connection.direction === 'inbound') closeOlder(host, connection)
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
  for (const connection of host.getConnections()) {
    if (connection.remotePeer.toString() === peer) connection.abort(reason)
  }
}

function closeOlder(host: Libp2p, newest: Connection): void {
  for (const connection of host.getConnections(newest.remotePeer)) {
    if (connection.id !== newest.id) {
      connection.abort(new NetworkError('lost', 'A newer connection of the same peer replaces it'))
    }
  }
}

function expectJoin(
  connection: Connection,
  isMember: (peer: PeerId) => boolean,
  timeoutMs: number,
): void {
  const peer = connection.remotePeer.toString()
  const timer = setTimeout(() => {
    if (!isMember(peer))
      connection.abort(new NetworkError('timeout', `Not joined in ${timeoutMs} ms`))
  }, timeoutMs)
  connection.addEventListener('close', () => clearTimeout(timer))
}
