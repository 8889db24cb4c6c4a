/** The vectors of make-llama.py as values. */
import { readFileSync } from 'node:fs'
import type { AdamWHyper } from '../../kernels/adamw.ts'
import type { AdapterShape, ModelShape } from '../../kernels/shape.ts'
import type { JobShape } from '../../kernels/train-step.ts'
import type { WeightSource } from '../../kernels/weights.ts'
import type { Batch } from './jobs.ts'

/** What one batch gives. */
export interface Computed extends Batch {
  /** Logits (positions,V) after these tokens of the first sequence. */
  positions: number[]
  logits: Float32Array
  /** Mean loss of the batch, and its gradient. */
  loss: number
  gradients: Float32Array
}

export interface LlamaVectors {
  job: JobShape
  weights: WeightSource
  adapter: Float32Array
  /** Sequences of S, and one that is longer than any block. */
  short: Computed
  long: Computed
  learningRate: number
  /** One a step, and the loss before it. */
  batches: Batch[]
  losses: number[]
}

interface StoredBatch {
  ids: number[]
  targets: number[]
}

interface StoredComputed extends StoredBatch {
  positions: number[]
  logits: string
  loss: number
  gradients: string
}

interface Stored {
  model: ModelShape
  adapterShape: AdapterShape
  hyper: AdamWHyper
  learningRate: number
  sequenceLength: number
  weights: Record<string, { shape: number[]; values: string }>
  adapter: string
  short: StoredComputed
  long: StoredComputed
  batches: StoredBatch[]
  losses: number[]
}

export function llamaVectors(name: 'llama-tied' | 'llama-untied'): LlamaVectors {
  const file = new URL(`../vectors/${name}.json`, import.meta.url)
  const stored: Stored = JSON.parse(readFileSync(file, 'utf8'))
  const { model, adapterShape, hyper, sequenceLength, learningRate, losses } = stored
  return {
    job: {
      model,
      adapter: adapterShape,
      hyper,
      sequenceLength,
      microBatch: 2,
      threads: 1,
      recomputedLayers: 0,
      streamedLayers: 0,
      kernels: { base: 'float32', path: 'float32' },
    },
    weights: {
      tensor(name) {
        const { shape, values } = stored.weights[name]!
        return { shape, values: floats(values) }
      },
    },
    adapter: floats(stored.adapter),
    short: computed(stored.short),
    long: computed(stored.long),
    learningRate,
    batches: stored.batches.map(batch),
    losses,
  }
}

function computed({ positions, logits, loss, gradients, ...rest }: StoredComputed): Computed {
  const values = { logits: floats(logits), gradients: floats(gradients) }
  return { ...batch(rest), ...values, positions, loss }
}

function batch({ ids, targets }: StoredBatch): Batch {
  return { tokens: Int32Array.from(ids), targets: Int32Array.from(targets) }
}

export function floats(base64: string): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer)
}
