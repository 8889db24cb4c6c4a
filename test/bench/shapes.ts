/** What is measured: products of two model sizes, and a whole model of 135M parameters. */
import { TARGETS } from '../../kernels/shape.ts'
import type { JobShape } from '../../kernels/train-step.ts'
import type { RunConfig } from '../../protocol/index.ts'
import { MODEL_135M } from '../kernels/model-135m.ts'
import type { GemmTask, StepTask } from './contestant.ts'

/** Llama 3.1's of 8 billion parameters. */
export const LLAMA_8B: RunConfig['base']['shape'] = {
  vocabSize: 128_256,
  hiddenSize: 4096,
  intermediateSize: 14_336,
  layerCount: 32,
  headCount: 32,
  kvHeadCount: 8,
  headDim: 128,
  ropeTheta: 500_000,
  ropeDivisors: null,
  rmsNormEps: 1e-5,
  tiedHead: false,
  qkvBias: false,
  headNorm: false,
}

/** M tokens through the linear layers of 135M (576, 1536) and 1.1B (2048, 5632) models. */
const PRODUCTS: readonly Omit<GemmTask, 'task'>[] = [
  { form: 'nt', M: 512, N: 576, K: 576 },
  { form: 'nt', M: 1024, N: 1536, K: 576 },
  { form: 'nn', M: 512, N: 576, K: 1536 },
  { form: 'nt', M: 128, N: 576, K: 576 },
  { form: 'nt', M: 512, N: 576, K: 1536 },
  { form: 'nn', M: 1024, N: 1536, K: 576 },
  { form: 'nt', M: 512, N: 2048, K: 2048 },
  { form: 'nt', M: 512, N: 5632, K: 2048 },
  { form: 'nn', M: 512, N: 2048, K: 5632 },
]
/** The first so many are enough for a quick look. */
const QUICK_PRODUCTS = 3

export function productTasks(isQuick: boolean): GemmTask[] {
  const shapes = isQuick ? PRODUCTS.slice(0, QUICK_PRODUCTS) : PRODUCTS
  return shapes.map((shape) => ({ task: 'gemm', ...shape }))
}

/** The job of a step, in one thread on the exact integer path. */
export function jobOf({ layers, sequences, sequenceLength, adapterRank }: StepTask): JobShape {
  return {
    model: { ...MODEL_135M, layerCount: layers },
    adapter: { adapterRank, alpha: 16, targets: TARGETS },
    kernels: { base: 'int8', path: 'int16' },
    sequenceLength,
    microBatch: sequences,
    threads: 1,
    recomputedLayers: 0,
    streamedLayers: 0,
    hyper: {
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-8,
      weightDecay: 0,
      gradientClip: 1,
      ratioMax: 10,
    },
  }
}
