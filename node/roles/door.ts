/** What a coordinator lets out of its doors: which blobs it gives to whom. */
import type { CoordinatorState } from '../../coordinator/index.ts'
import type { Digest, LeaseId, PeerId } from '../../protocol/index.ts'

/**
 * Members get the base, the shards they train on, and what the round starts from, or those
 * steps that they repeat; questions without their answers where they score, and the adapter that
 * they score; never the held-out shard, nor the answers.
 */
export function mayServe(state: CoordinatorState, peer: PeerId, digest: Digest): boolean {
  const member = state.members.get(peer)
  if (member === undefined) return false
  const { base, dataset, scoring } = state.config
  const { checkpoint, update, moment } = state.round.start
  return (
    digest === base.weights.digest ||
    digest === scoring?.asked?.digest ||
    (member.scoring !== null && digest === state.scoresPending[0]?.checkpoint?.digest) ||
    auditBlobs(state, member.auditing).some((blob) => blob?.digest === digest) ||
    [checkpoint, update, moment].some((blob) => blob?.digest === digest) ||
    dataset.trainShards.some((shard) => shard.digest === digest)
  )
}

function auditBlobs({ audits }: CoordinatorState, auditing: LeaseId | null) {
  const audit = auditing === null ? undefined : audits.get(auditing)
  return audit === undefined ? [] : [audit.start.checkpoint, audit.start.moment]
}
