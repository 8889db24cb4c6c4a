/** The held-out sequences, and those of them that the gate measures on. */
import type { RunConfig } from '../../protocol/index.ts'
import { decodeShard, type Sequences } from './shards.ts'

/** Volunteers wait for the gate, so it does not measure on more than this. */
const GATE_SEQUENCES = 64

/** `gateText` is the same object as `validation` where there are no more. */
export interface HeldOut {
  validation: Sequences
  gateText: Sequences
}

/** @param bytes the run's validation shard */
export function heldOutOf({ dataset, base }: RunConfig, bytes: Uint8Array): HeldOut {
  const shard = decodeShard(bytes, { ...dataset, vocabSize: base.shape.vocabSize })
  const validation = shard.sequences(0, dataset.validationSequences)
  const isMore = dataset.validationSequences > GATE_SEQUENCES
  return { validation, gateText: isMore ? shard.sequences(0, GATE_SEQUENCES) : validation }
}
