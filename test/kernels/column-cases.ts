/** Cases of columns that have a factor each, those of wider matrices among them. */
import { floats, type OpCase } from './harness.ts'

/** T, O, ld: none, one, ragged, and so many as lanes fit. */
const SIZES = [
  [0, 4, 4],
  [3, 0, 5],
  [1, 1, 1],
  [2, 3, 3],
  [5, 17, 20],
  [7, 64, 64],
  [4, 130, 193],
] as const

type Sizes = readonly [T: number, O: number, ld: number]

function scaleCase([T, O, ld]: Sizes): OpCase {
  const sizes = `${T}x${O} of ${ld}`
  return {
    op: 'scaleColumns',
    sizes,
    arrays: { y: floats('y', T * ld), x: floats('x', T * ld), c: floats('c', O) },
    outputs: ['y'],
    run: (ops, { y, x, c }) => ops.scaleColumns(y!, x!, c!, T, O, ld),
  }
}

function inPlaceCase([T, O, ld]: Sizes): OpCase {
  return {
    ...scaleCase([T, O, ld]),
    sizes: `${T}x${O} of ${ld}, in place`,
    run: (ops, { y, c }) => ops.scaleColumns(y!, y!, c!, T, O, ld),
  }
}

function productCase([T, O, ld]: Sizes): OpCase {
  return {
    op: 'addColumnProducts',
    sizes: `${T}x${O} of ${ld}`,
    arrays: {
      sums: floats('sums', O),
      x: floats('x', T * ld),
      y: floats('y', T * ld),
      c: floats('c', O),
    },
    outputs: ['sums'],
    run: (ops, { sums, x, y, c }) => ops.addColumnProducts(sums!, x!, y!, c!, T, O, ld),
  }
}

export const COLUMN_CASES: readonly OpCase[] = [
  ...SIZES.map(scaleCase),
  ...SIZES.map(inPlaceCase),
  ...SIZES.map(productCase),
]
