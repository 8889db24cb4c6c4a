/** The vectors of make-llama.py as values. */
import { readFileSync } from 'node:fs'
import type { AdamWHyper } from '../../kernels/adamw.ts'
import type { AdapterShape, ModelShape } from '../../kernels/shape.ts'
import type { JobShape } from '../../kernels/train-step.ts'
import type { WeightSource } from '../../kernels/weights.ts'
import type { Batch } from './jobs.ts'

export interface LlamaVectors {
  job: JobShape
  weights: WeightSource
  adapter: Float32Array
  learningRate: number
  /** One a step. */
  batches: Batch[]
  /** (T,V) of the first batch, its mean loss, and the gradient of that. */
  logits: Float32Array
  loss: number
  gradients: Float32Array
  /** Before each step. */
  losses: number[]
}

interface Stored {
  model: ModelShape
  adapterShape: AdapterShape
  hyper: AdamWHyper
  learningRate: number
  sequenceLength: number
  weights: Record<string, { shape: number[]; values: string }>
  adapter: string
  batches: { ids: number[]; targets: number[] }[]
  logits: string
  loss: number
  gradients: string
  losses: number[]
}

export function llamaVectors(name: 'llama-tied' | 'llama-untied', microBatch = 2): LlamaVectors {
  const file = new URL(`../vectors/${name}.json`, import.meta.url)
  const stored: Stored = JSON.parse(readFileSync(file, 'utf8'))
  const { model, adapterShape, hyper, sequenceLength, learningRate, loss, losses } = stored
  return {
    job: { model, adapter: adapterShape, hyper, sequenceLength, microBatch },
    weights: {
      tensor(name) {
        const { shape, values } = stored.weights[name]!
        return { shape, values: floats(values) }
      },
    },
    adapter: floats(stored.adapter),
    learningRate,
    batches: stored.batches.map(({ ids, targets }) => ({
      tokens: Int32Array.from(ids),
      targets: Int32Array.from(targets),
    })),
    logits: floats(stored.logits),
    loss,
    gradients: floats(stored.gradients),
    losses,
  }
}

function floats(base64: string): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer)
}
