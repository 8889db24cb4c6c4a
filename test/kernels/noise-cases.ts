/** Cases of dropout and noise, parts of larger arrays among them. */
import { floats, type OpCase } from './harness.ts'

const DRAWN = { seed: 0xdeadbeef, batch: 2 ** 31 + 3 }

function dropoutCase([T, I, row, column, threshold]: readonly [
  T: number,
  I: number,
  row: number,
  column: number,
  threshold: number,
]): OpCase {
  const [ldy, ldx] = [I + 1, I + 3]
  return {
    op: 'dropout',
    sizes: `${T}x${I} from ${row},${column}, ${threshold} of 65536`,
    arrays: { y: floats('y', T * ldy), x: floats('x', T * ldx) },
    outputs: ['y'],
    run: (ops, { y, x }) => {
      const part = { T, I, ldy, ldx, row, column, threshold, stream: 3583 }
      ops.dropout({ y: y!, x: x!, ...part, ...DRAWN })
    },
  }
}

function noiseCase([T, D, row]: readonly [number, number, number]): OpCase {
  return {
    op: 'addNoise',
    sizes: `${T}x${D} from ${row}`,
    arrays: { y: floats('y', T * D) },
    outputs: ['y'],
    run: (ops, { y }) => ops.addNoise({ y: y!, T, D, row, magnitude: 0.3, ...DRAWN }),
  }
}

export const NOISE_CASES: readonly OpCase[] = [
  ...(
    [
      [0, 8, 0, 0, 1],
      [3, 8, 0, 0, 0],
      [2, 29, 5, 16, 20_000],
      [5, 7, 2 ** 25, 65_536 - 8, 65_535],
    ] as const
  ).map(dropoutCase),
  ...(
    [
      [0, 4, 0],
      [1, 1, 0],
      [3, 22, 7],
      [2, 64, 2 ** 25],
    ] as const
  ).map(noiseCase),
]
