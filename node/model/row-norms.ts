/** The norms of the rows of the base's linear layers, which DoRA's magnitudes start from. */
import {
  type AdapterTensor,
  linearName,
  type ModelShape,
  rowReader,
  targetSize,
  type WeightSource,
} from '../../kernels/index.ts'

/** ‖W‖ of each row of a linear layer, in float64. */
export type RowNorms = (place: Pick<AdapterTensor, 'layer' | 'target'>) => Float64Array

/** A piece of a matrix has so many numbers at most, or one row. */
const PIECE_NUMBERS = 2 ** 20

/** Reads the base when it is asked. */
export function rowNormsOf(model: ModelShape, weights: WeightSource): RowNorms {
  return ({ layer, target }) => {
    const { inputs, outputs } = targetSize(model, target)
    const read = rowReader({ name: linearName(layer, target), shape: [outputs, inputs] }, weights)
    const norms = new Float64Array(outputs)
    const step = Math.max(1, Math.floor(PIECE_NUMBERS / inputs))
    for (let first = 0; first < outputs; first += step) {
      const count = Math.min(step, outputs - first)
      const rows = read(first, count)
      for (let row = 0; row < count; row++) {
        norms[first + row] = normOf(rows.subarray(row * inputs, (row + 1) * inputs))
      }
    }
    return norms
  }
}

/** The root of the sum of squares, in the order of the kernels' own. */
function normOf(row: Float32Array): number {
  const sums = new Float64Array(4)
  for (let i = 0; i < row.length; i++) sums[i & 3]! += row[i]! * row[i]!
  return Math.sqrt(sums[0]! + sums[1]! + (sums[2]! + sums[3]!))
}
