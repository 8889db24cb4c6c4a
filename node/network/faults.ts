/**
 * How often each peer broke the protocol while connected. One bad message may be a bug or a bit flip; a peer
 * that goes on is cut off, so that it cannot make us parse rubbish for ever.
 */
import type { Libp2p } from '@libp2p/interface'
import { ProtocolError } from '../../protocol/errors.ts'
import type { PeerId } from '../../protocol/messages.ts'
import { disconnect } from './connection-guard.ts'
import { FAULTS_MAX } from './limits.ts'

export interface Faults {
  /** Counts the error if it is the peer's fault, and closes its connection at the limit. */
  count(peer: PeerId, error: unknown): void
}

export function createFaults(
  host: Libp2p,
  options: { faultsMax?: number; onLimit?: (peer: PeerId) => void } = {},
): Faults {
  const { faultsMax = FAULTS_MAX, onLimit } = options
  const counts = new Map<PeerId, number>()
  host.addEventListener('peer:disconnect', ({ detail: peer }) => counts.delete(peer.toString()))
  return {
    count(peer, error) {
      if (!(error instanceof ProtocolError) || error.code === 'refused') return
      const count = (counts.get(peer) ?? 0) + 1
      counts.set(peer, count)
      if (count < faultsMax) return
      onLimit?.(peer)
      disconnect(host, peer, error)
    },
  }
}
