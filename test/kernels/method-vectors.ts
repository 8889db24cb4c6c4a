/**
 * The vectors of make-methods.py and make-dora.py as values: variants of LoRA as peft saves and
 * computes them.
 */
import { readFileSync } from 'node:fs'
import type { JobShape } from '../../kernels/train-step.ts'
import { decodePeftAdapter, type ReadPeftAdapter } from '../../node/model/peft.ts'
import { rowNormsOf } from '../../node/model/row-norms.ts'
import { floats, llamaVectors } from './llama-vectors.ts'

interface Stored {
  peft: { config: object; weights: string }
  adapter: string
  batch: { ids: number[]; targets: number[] }
  loss: number
  gradients: string
  dropout: number
  noise: number
  rateRatio?: number
  losses?: number[]
  /** Those after the first sequence. */
  logits?: string
}

interface File {
  seed: number
  batchNumber: number
  learningRate: number
  variants: Record<string, Stored>
}

const fileOf = (name: string): File =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))
const [file, dora] = [fileOf('methods'), fileOf('dora')]
const variants = { ...file.variants, ...dora.variants }
const { job, weights } = llamaVectors('llama-tied')

export const METHODS = Object.keys(variants)

export function methodVectors(name: string) {
  const { peft, batch, dropout, noise, rateRatio, losses, ...stored } = variants[name]!
  const read = readMethod(name)
  const isNoisy = dropout > 0 || noise > 0
  const shape: JobShape = {
    ...job,
    adapter: read.adapterShape,
    hyper: { ...job.hyper, rateRatio },
    noise: isNoisy ? { seed: file.seed, dropout, embeddings: noise } : undefined,
  }
  return {
    job: shape,
    weights,
    read,
    config: peft.config as Record<string, unknown>,
    adapter: floats(stored.adapter),
    gradients: floats(stored.gradients),
    loss: stored.loss,
    losses: losses ?? [],
    logits: stored.logits === undefined ? null : floats(stored.logits),
    learningRate: file.learningRate,
    batch: {
      tokens: Int32Array.from(batch.ids),
      targets: Int32Array.from(batch.targets),
      number: file.batchNumber,
    },
  }
}

function readMethod(name: string): ReadPeftAdapter {
  const { config, weights: stored } = variants[name]!.peft
  const bytes = Buffer.from(JSON.stringify(config))
  const base = { model: job.model, baseDigest: '', rowNorms: rowNormsOf(job.model, weights) }
  return decodePeftAdapter(bytes, Buffer.from(stored, 'base64'), base)
}
