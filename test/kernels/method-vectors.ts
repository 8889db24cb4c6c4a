/** The vectors of make-methods.py as values: variants of LoRA as peft saves and computes them. */
import { readFileSync } from 'node:fs'
import type { JobShape } from '../../kernels/train-step.ts'
import { decodePeftAdapter, type ReadPeftAdapter } from '../../node/model/peft.ts'
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
}

interface File {
  seed: number
  batchNumber: number
  learningRate: number
  variants: Record<string, Stored>
}

const path = new URL('../vectors/methods.json', import.meta.url)
const file: File = JSON.parse(readFileSync(path, 'utf8'))
const { job, weights } = llamaVectors('llama-tied')

export const METHODS = Object.keys(file.variants)

export function methodVectors(name: string) {
  const { peft, batch, dropout, noise, rateRatio, losses, ...stored } = file.variants[name]!
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
    learningRate: file.learningRate,
    batch: {
      tokens: Int32Array.from(batch.ids),
      targets: Int32Array.from(batch.targets),
      number: file.batchNumber,
    },
  }
}

function readMethod(name: string): ReadPeftAdapter {
  const { config, weights: stored } = file.variants[name]!.peft
  const bytes = Buffer.from(JSON.stringify(config))
  const base = { model: job.model, baseDigest: '' }
  return decodePeftAdapter(bytes, Buffer.from(stored, 'base64'), base)
}
