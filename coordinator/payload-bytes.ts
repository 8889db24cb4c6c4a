/** How large a payload can be: what a commit is checked against before anything is uploaded. */
import type { RunConfig } from '../protocol/run-config.ts'

/** Room for headers and for the padding of each tensor's last block. */
const FRAMING_BYTES = 64 * 1024

/**
 * Upper bound for any codec: the delta and the second moment of every adapter scalar in float32.
 */
export function payloadBytesMax(config: RunConfig): number {
  return 2 * 4 * adapterScalars(config) + FRAMING_BYTES
}

/** Scalars in A (rank, inputs) and B (outputs, rank) of every target in every layer. */
function adapterScalars({ base, adapter }: RunConfig): number {
  const { hiddenSize, intermediateSize, headCount, kvHeadCount, headDim, layerCount } = base.shape
  const inputsAndOutputs = {
    q: hiddenSize + headCount * headDim,
    k: hiddenSize + kvHeadCount * headDim,
    v: hiddenSize + kvHeadCount * headDim,
    o: headCount * headDim + hiddenSize,
    gate: hiddenSize + intermediateSize,
    up: hiddenSize + intermediateSize,
    down: intermediateSize + hiddenSize,
  }
  const perLayer = adapter.targets.reduce((sum, target) => sum + inputsAndOutputs[target], 0)
  return layerCount * adapter.adapterRank * perLayer
}
