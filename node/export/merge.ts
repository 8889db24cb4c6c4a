/**
 * The base with the adapter in it: W + s·B·A in place of every W that the adapter changes, so that
 * a program which knows nothing of LoRA computes the same.
 * Source: Hu et al. 2021, LoRA, §4.1.
 */
import {
  type AdapterTensor,
  adapterLayout,
  linearName,
  type WeightSource,
} from '../../kernels/index.ts'
import type { Takeaway } from './takeaway.ts'

type Adapted = Pick<Takeaway, 'model' | 'adapter' | 'values'>

/** A matrix of the adapter and its scalars, row-major. */
type Matrix = Pick<AdapterTensor, 'rows' | 'columns' | 'scale'> & { values: Float32Array }

/** The weights of `base`, merged one by one as they are asked for. */
export function mergedWeights(base: WeightSource, adapted: Adapted): WeightSource {
  const pairs = pairsOf(adapted)
  return {
    tensor(name) {
      const tensor = base.tensor(name)
      const pair = pairs.get(name)
      if (pair === undefined) return tensor
      return { ...tensor, values: merge(tensor.values, pair) }
    },
  }
}

/** Names of the base's matrices that the adapter changes. */
export function mergedNames(adapted: Adapted): string[] {
  return [...pairsOf(adapted).keys()]
}

interface Pair {
  A: Matrix
  B: Matrix
}

/** The pair A and B of each matrix of the base, by its name. */
function pairsOf({ model, adapter, values }: Adapted): ReadonlyMap<string, Pair> {
  const matrices = new Map<string, Partial<Pair>>()
  for (const tensor of adapterLayout(model, adapter).tensors) {
    const { layer, target, part, rows, columns, offset, scale } = tensor
    const name = linearName(layer, target)
    const own = values.subarray(offset, offset + rows * columns)
    matrices.set(name, { ...matrices.get(name), [part]: { rows, columns, scale, values: own } })
  }
  return matrices as ReadonlyMap<string, Pair>
}

/** W (O,I), A (R,I), B (O,R): sums are float64 and rounded to float32 once. */
function merge(W: Float32Array, { A, B }: Pair): Float32Array {
  const merged = new Float32Array(W.length)
  const inputs = A.columns
  const row = new Float64Array(inputs)
  for (let o = 0; o < B.rows; o++) {
    row.fill(0)
    for (let r = 0; r < A.rows; r++) {
      const by = A.scale * B.values[o * A.rows + r]!
      for (let i = 0; i < inputs; i++) row[i]! += by * A.values[r * inputs + i]!
    }
    for (let i = 0; i < inputs; i++) merged[o * inputs + i] = W[o * inputs + i]! + row[i]!
  }
  return merged
}
