/** What a coordinator lets out of its doors: which blobs it gives to whom. */
import type { CoordinatorState } from '../../coordinator/state.ts'
import type { Digest } from '../../protocol/digest.ts'
import type { PeerId } from '../../protocol/messages.ts'

/**
 * Members get the base, the shards they train on, and what the round starts from; never the
 * held-out shard.
 */
export function mayServe(state: CoordinatorState, peer: PeerId, digest: Digest): boolean {
  if (!state.members.has(peer)) return false
  const { base, dataset } = state.config
  const { checkpoint, update, moment } = state.round.start
  return (
    digest === base.weights.digest ||
    [checkpoint, update, moment].some((blob) => blob?.digest === digest) ||
    dataset.trainShards.some((shard) => shard.digest === digest)
  )
}
