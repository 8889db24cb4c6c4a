/**
 * What a coordinator lets through its doors: which blobs it gives to whom, and which payloads it
 * takes.
 */
import type { CoordinatorState } from '../../coordinator/state.ts'
import { payloadBytes } from '../../kernels/local-job.ts'
import { adapterLayout } from '../../kernels/lora.ts'
import type { Digest } from '../../protocol/digest.ts'
import type { PeerId } from '../../protocol/messages.ts'
import type { RunConfig } from '../../protocol/run-config.ts'

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

/**
 * Why a payload cannot be what this run sends up, or null; its numbers are judged when the round
 * closes.
 */
export function checkPayload(config: RunConfig, payload: Uint8Array): string | null {
  const layout = adapterLayout(config.base.shape, config.adapter)
  const expected = payloadBytes(config.training.mode, config.aggregation.uplink, layout)
  if (payload.length === expected) return null
  return `a payload of this run has ${expected} bytes: current value is ${payload.length}`
}
