/** How much one peer may have in progress; libp2p's own limits count by connection. */
import type { PeerId } from '../../protocol/index.ts'
import { DeclinedError } from './errors.ts'

export interface Quota {
  /** @throws DeclinedError when the peer has too much in progress already */
  run<T>(peer: PeerId, work: () => Promise<T>): Promise<T>
}

export function createQuota(countMax: number): Quota {
  const counts = new Map<PeerId, number>()
  return {
    async run(peer, work) {
      const count = counts.get(peer) ?? 0
      if (count >= countMax) {
        throw new DeclinedError(`More than ${countMax} at a time`)
      }
      counts.set(peer, count + 1)
      try {
        return await work()
      } finally {
        const left = (counts.get(peer) ?? 1) - 1
        if (left > 0) counts.set(peer, left)
        else counts.delete(peer)
      }
    },
  }
}
