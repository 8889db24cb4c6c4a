import type { ModelShape } from '../../kernels/shape.ts'

/** SmolLM2-135M's shape: what plans, golden jobs and the bench take for a model of real size. */
export const MODEL_135M: ModelShape = {
  vocabSize: 49_152,
  hiddenSize: 576,
  intermediateSize: 1536,
  layerCount: 30,
  headCount: 9,
  kvHeadCount: 3,
  headDim: 64,
  ropeTheta: 100_000,
  rmsNormEps: 1e-5,
  tiedHead: true,
  qkvBias: false,
  headNorm: false,
  ropeDivisors: null,
}
