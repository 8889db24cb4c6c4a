/**
 * The base with the adapter in it: V = W + s·B·A in place of every W that the adapter changes, so
 * that a program which knows nothing of LoRA computes the same; with DoRA each row of V times
 * (‖W‖ + M) / ‖V‖. Matrices are merged in pieces of their rows: none is ever whole in memory.
 * Source: Hu et al. 2021, LoRA, §4.1; Liu et al. 2024, DoRA, §4.1.
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

/** The weights of `base`, merged as they are asked for. */
export function mergedWeights(base: WeightSource, adapted: Adapted): WeightSource {
  const pairs = pairsOf(adapted)
  return {
    tensor(name) {
      const tensor = base.tensor(name)
      const pair = pairs.get(name)
      if (pair === undefined) return tensor
      return { ...tensor, values: merge(tensor.values, pair, 0) }
    },
    rows(name, first, count) {
      const rows = rowsOf(base, name, first, count)
      const pair = pairs.get(name)
      return pair === undefined ? rows : merge(rows, pair, first)
    },
  }
}

/** Names of the base's matrices that the adapter changes. */
export function mergedNames(adapted: Adapted): string[] {
  return [...pairsOf(adapted).keys()]
}

/**
 * Σ of the squares of all that training changed: ‖s·B·A‖² is s²·Σ (BᵀB) ∘ (AAᵀ), which takes R·R
 * numbers.
 */
export function learnedSquares(adapted: Adapted, base: WeightSource): number {
  if (adapted.adapter.variant === 'dora') return movedSquares(adapted, base)
  let squares = 0
  for (const { A, B } of pairsOf(adapted).values()) {
    const rank = A.rows
    for (let r = 0; r < rank; r++) {
      for (let q = 0; q < rank; q++) {
        let [aa, bb] = [0, 0]
        for (let i = 0; i < A.columns; i++) {
          aa += A.values[r * A.columns + i]! * A.values[q * A.columns + i]!
        }
        for (let o = 0; o < B.rows; o++) bb += B.values[o * rank + r]! * B.values[o * rank + q]!
        squares += A.scale * A.scale * aa * bb
      }
    }
  }
  return squares
}

/** The same where magnitudes move all of a row: it takes a walk through the base. */
function movedSquares(adapted: Adapted, base: WeightSource): number {
  let squares = 0
  for (const [name, pair] of pairsOf(adapted)) {
    const [O, I] = [pair.B.rows, pair.A.columns]
    let first = 0
    for (const rows of tensorPieces(base, name, [O, I])) {
      const merged = merge(rows, pair, first)
      for (let i = 0; i < rows.length; i++) squares += (merged[i]! - rows[i]!) ** 2
      first += rows.length / I
    }
  }
  return squares
}

/** A piece of a matrix has so many numbers at most, or one unit of rows. */
const PIECE_NUMBERS = 2 ** 20

/**
 * The numbers of a tensor from first to last, in pieces of whole rows.
 * @param unit the rows of a piece are a multiple of it
 */
export function* tensorPieces(
  source: WeightSource,
  name: string,
  shape: readonly number[],
  unit = 1,
): Generator<Float32Array> {
  if (shape.length === 1) {
    yield source.tensor(name).values
    return
  }
  const [outputs, columns] = shape as [number, number]
  const step = unit * Math.max(1, Math.floor(PIECE_NUMBERS / (unit * columns)))
  for (let first = 0; first < outputs; first += step) {
    yield rowsOf(source, name, first, Math.min(step, outputs - first))
  }
}

function rowsOf(source: WeightSource, name: string, first: number, count: number): Float32Array {
  if (source.rows !== undefined) return source.rows(name, first, count)
  const { shape, values } = source.tensor(name)
  const columns = shape.at(-1)!
  return values.subarray(first * columns, (first + count) * columns)
}

interface Pair {
  A: Matrix
  B: Matrix
  /** There with DoRA. */
  M?: Matrix
}

/** A and B, and M, of each matrix of the base, by its name. */
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

/** Rows of W (O,I) from `first` on, A (R,I), B (O,R), M (O): all is float64 and rounded once. */
function merge(W: Float32Array, { A, B, M }: Pair, first: number): Float32Array {
  const merged = new Float32Array(W.length)
  const inputs = A.columns
  const row = new Float64Array(inputs)
  for (let at = 0, o = first; at < W.length; at += inputs, o++) {
    row.fill(0)
    for (let r = 0; r < A.rows; r++) {
      const by = A.scale * B.values[o * A.rows + r]!
      for (let i = 0; i < inputs; i++) row[i]! += by * A.values[r * inputs + i]!
    }
    const by = M === undefined ? 1 : factorOf(W.subarray(at, at + inputs), row, M.values[o]!)
    for (let i = 0; i < inputs; i++) merged[at + i] = by * (W[at + i]! + row[i]!)
  }
  return merged
}

/** What DoRA scales a row of W + s·B·A by; one of no length stays as it is. */
function factorOf(W: Float32Array, added: Float64Array, M: number): number {
  let [base, squares] = [0, 0]
  for (let i = 0; i < W.length; i++) {
    base += W[i]! ** 2
    squares += (W[i]! + added[i]!) ** 2
  }
  return squares === 0 ? 0 : (Math.sqrt(base) + M) / Math.sqrt(squares)
}
