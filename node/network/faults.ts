/**
 * How often each connected peer broke the protocol, over all of a host's protocols. One bad message
 * may be a bug; a peer that goes on is cut off, so that it cannot make us parse rubbish for ever.
 */

import type { Libp2p } from '@libp2p/interface'
import { type PeerId, ProtocolError } from '../../protocol/index.ts'
import { disconnect } from './connection-guard.ts'
import { DeclinedError, RefusedError } from './errors.ts'
import { FAULTS_MAX } from './limits.ts'

const countsOfHosts = new WeakMap<Libp2p, Map<PeerId, number>>()

/** Counts an error that is the peer's fault; at the limit its connection is closed. */
export function countFault(host: Libp2p, peer: PeerId, error: unknown): void {
  if (!(error instanceof ProtocolError)) return
  if (error instanceof DeclinedError || error instanceof RefusedError) return
  const counts = countsOf(host)
  const count = (counts.get(peer) ?? 0) + 1
  counts.set(peer, count)
  if (count >= FAULTS_MAX) disconnect(host, peer, error)
}

function countsOf(host: Libp2p): Map<PeerId, number> {
  const known = countsOfHosts.get(host)
  if (known !== undefined) return known
  const counts = new Map<PeerId, number>()
  countsOfHosts.set(host, counts)
  host.addEventListener('peer:disconnect', ({ detail: peer }) => counts.delete(peer.toString()))
  return counts
}
