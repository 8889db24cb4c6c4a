/** The vectors of make-families.py: a tiny model of each family and what a batch gives. */
import { readFileSync } from 'node:fs'
import type { AdapterShape } from '../../kernels/shape.ts'
import type { WeightSource } from '../../kernels/weights.ts'
import { floatsOfBase64 } from './fixtures.ts'

export interface Family {
  config: object
  adapterShape: AdapterShape
  weights: Record<string, { shape: number[]; values: string }>
  adapter: string
  /** Two sequences of `sequenceLength`. */
  ids: number[]
  targets: number[]
  sequenceLength: number
  /** Those after the first sequence. */
  logits: string
  loss: number
  gradients: string
}

const FILE = new URL('../vectors/families.json', import.meta.url)
export const FAMILIES: Record<string, Family> = JSON.parse(readFileSync(FILE, 'utf8'))

export function weightsOf(family: Family): WeightSource {
  return {
    tensor: (name) => {
      const { shape, values } = family.weights[name]!
      return { shape, values: floatsOfBase64(values) }
    },
  }
}
