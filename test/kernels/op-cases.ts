/**
 * Every op on a table of sizes, ragged ones included; equality tests and golden digests both walk
 * it.
 */
import { type Gemm, type GemmForm, trimmedWorkBytes } from '../../kernels/ops.ts'
import { COLUMN_CASES } from './column-cases.ts'
import { FROZEN_CASES } from './frozen-cases.ts'
import { floats, integers, type Numbers, type OpCase, positives } from './harness.ts'
import { NOISE_CASES } from './noise-cases.ts'

const LENGTHS = [0, 1, 3, 4, 5, 15, 16, 17, 63, 64, 65, 128, 576, 1003]
const MATRICES = [
  [1, 1],
  [3, 5],
  [2, 17],
  [5, 63],
  [3, 64],
  [4, 65],
  [2, 576],
] as const
/**
 * M, N, K: single numbers, edges of each tile, skinny adapters, and more than one block of M and K.
 */
const PRODUCTS = [
  [1, 1, 1],
  [1, 37, 66],
  [3, 5, 7],
  [4, 8, 4],
  [5, 8, 16],
  [5, 17, 3],
  [17, 16, 17],
  [63, 65, 64],
  [64, 63, 65],
  [8, 65, 257],
  [33, 8, 576],
  [31, 64, 8],
  [960, 9, 256],
  [6, 9, 777],
  [7, 7, 0],
  [0, 4, 4],
] as const
/** K, n: up to and beyond what is sorted by insertion. */
const TRIMMED = [
  [1, 1],
  [2, 5],
  [3, 4],
  [11, 65],
  [96, 17],
  [97, 17],
  [1003, 3],
] as const
export const FORMS: readonly GemmForm[] = ['nt', 'nn', 'tn']

/** `slack` is how much longer each matrix's rows are than they need to be. */
export function gemmCase(
  form: GemmForm,
  [M, N, K]: readonly [number, number, number],
  accumulate: boolean,
  slack: number,
): OpCase {
  const [aRows, aColumns] = form === 'tn' ? [K, M] : [M, K]
  const [bRows, bColumns] = form === 'nt' ? [N, K] : [K, N]
  const [lda, ldb, ldc] = [aColumns + slack, bColumns + slack, N + slack]
  const sizes = { form, M, N, K, lda, ldb, ldc, accumulate }
  const name = `${form} ${M}x${N}x${K} slack ${slack}${accumulate ? ' accumulate' : ''}`
  return {
    op: 'gemm',
    sizes: name,
    arrays: {
      c: floats(`${name} c`, M * ldc),
      a: floats(`${name} a`, aRows * lda),
      b: floats(`${name} b`, bRows * ldb),
    },
    outputs: ['c'],
    run: (ops, { a, b, c }) => ops.gemm({ ...sizes, a, b, c } as Gemm),
  }
}

function gemmCases(): OpCase[] {
  return PRODUCTS.flatMap((product, i) =>
    FORMS.flatMap((form) => [
      gemmCase(form, product, false, 0),
      gemmCase(form, product, true, (i % 3) + 1),
    ]),
  )
}

function normCases([T, D]: readonly [number, number]): OpCase[] {
  const sizes = `${T}x${D}`
  const x = floats(`norm x ${sizes}`, T * D)
  const w = floats(`norm w ${sizes}`, D)
  const rstd = positives(`norm rstd ${sizes}`, T, 0.1, 2)
  return [
    {
      op: 'rmsNormForward',
      sizes,
      arrays: { y: new Float32Array(T * D), rstd: new Float32Array(T), x, w },
      outputs: ['y', 'rstd'],
      run: (ops, { y, rstd, x, w }) => ops.rmsNormForward(y!, rstd!, x!, w!, T, D, 1e-5),
    },
    {
      op: 'rmsNormBackward',
      sizes,
      arrays: { dx: floats('norm dx', T * D), dy: floats('norm dy', T * D), x, w, rstd },
      outputs: ['dx'],
      run: (ops, { dx, dy, x, w, rstd }) => ops.rmsNormBackward(dx!, dy!, x!, w!, rstd!, T, D),
    },
  ]
}

function ropeCases(): OpCase[] {
  const tables = [
    [1, 2, 10000],
    [7, 6, 10000],
    [65, 34, 1000],
    [33, 64, 500000],
  ] as const
  return tables.flatMap(([S, E, theta]): OpCase[] => {
    const n = (S * E) / 2
    const [sequences, heads] = [2, 3]
    const ld = heads * E + (S % 3)
    const x = floats(`rope ${S} ${E}`, sequences * S * ld)
    const angles = floats(`rope angles ${S} ${E}`, n)
    const cos = angles.map((angle) => 1 / (1 + angle * angle))
    return [
      {
        op: 'ropeTable',
        sizes: `${S}x${E} theta ${theta}`,
        arrays: { cos: new Float32Array(n), sin: new Float32Array(n) },
        outputs: ['cos', 'sin'],
        run: (ops, { cos, sin }) => ops.ropeTable(cos!, sin!, S, E, theta, null),
      },
      ...([1, -1] as const).map((direction): OpCase => {
        const sizes = `${sequences}x${S}x${heads}x${E} ld ${ld} direction ${direction}`
        const arrays = { x, cos, sin: angles }
        return {
          op: 'rope',
          sizes,
          arrays,
          outputs: ['x'],
          run: (ops, { x, cos, sin }) =>
            ops.rope(x!, ld, cos!, sin!, sequences * S, S, heads, E, direction),
        }
      }),
    ]
  })
}

function swigluCases([T, F, ld]: readonly [number, number, number]): OpCase[] {
  const sizes = `${T}x${F} ld ${ld}`
  const strided = (name: string, range = 3) => floats(`${name} ${sizes}`, T * ld, range)
  const [gate, up] = [strided('gate', 100), strided('up')]
  return [
    {
      op: 'swigluForward',
      sizes,
      arrays: { y: new Float32Array(T * F), gate, up },
      outputs: ['y'],
      run: (ops, { y, gate, up }) => ops.swigluForward(y!, gate!, up!, T, F, ld),
    },
    {
      op: 'swigluBackward',
      sizes,
      arrays: { dgate: strided('dgate'), dup: strided('dup'), dy: floats('dy', T * F), gate, up },
      outputs: ['dgate', 'dup'],
      run: (ops, { dgate, dup, dy, gate, up }) =>
        ops.swigluBackward(dgate!, dup!, dy!, gate!, up!, T, F, ld),
    },
  ]
}

function softmaxCases(): OpCase[] {
  const blocks = [
    [1, 1, 1, 0],
    [5, 5, 6, 0],
    [17, 17, 17, 0],
    [4, 65, 65, 61],
    [3, 64, 70, 15],
    [2, 576, 576, 574],
    [8, 5, 5, 0],
    [0, 7, 7, 0],
  ] as const
  return blocks.flatMap(([rows, columns, ld, first]): OpCase[] => {
    const sizes = `${rows}x${columns} ld ${ld} first ${first}`
    const scores = floats(`scores ${sizes}`, rows * ld, 40)
    const p = positives(`probabilities ${sizes}`, rows * ld, 0, 1)
    return [
      {
        op: 'causalSoftmax',
        sizes,
        arrays: { p: scores },
        outputs: ['p'],
        run: (ops, { p }) => ops.causalSoftmax(p!, rows, columns, ld, first, 0.125),
      },
      {
        op: 'causalSoftmaxBackward',
        sizes,
        arrays: { dp: floats(`dp ${sizes}`, rows * ld), p },
        outputs: ['dp'],
        run: (ops, { dp, p }) =>
          ops.causalSoftmaxBackward(dp!, p!, rows, columns, ld, first, 0.125),
      },
    ]
  })
}

function crossEntropyCases([T, V]: readonly [number, number]): OpCase[] {
  return [0, 0.25].map((gradientScale) => {
    const sizes = `${T}x${V} gradient ${gradientScale}`
    return {
      op: 'crossEntropy',
      sizes,
      arrays: {
        logits: floats(`logits ${sizes}`, T * V, 30),
        targets: integers(`targets ${sizes}`, T, -1, V),
      },
      outputs: gradientScale === 0 ? [] : ['logits'],
      run: (ops, { logits, targets }) => ops.crossEntropy(logits!, targets!, T, V, gradientScale),
    }
  })
}

/** Ops on vectors of length n: name, the arrays, which of them it changes, the call. */
function vectorCases(n: number): OpCase[] {
  const x = (seed: string, range?: number) => floats(`${seed} ${n}`, n, range)
  const empty = () => new Float32Array(n)
  const sum = () => Float64Array.from(x('sum'), (value) => value / 3)
  const halves = () => Uint16Array.from(integers(`halves ${n}`, n, 0, 65536))
  const table: [string, Record<string, Numbers>, string[], OpCase['run']][] = [
    ['fill', { y: x('y') }, ['y'], (ops, { y }) => ops.fill(y!, 1 / 3, n)],
    ['copy', { y: empty(), x: x('x') }, ['y'], (ops, { y, x }) => ops.copy(y!, x!, n)],
    ['add', { y: x('y'), x: x('x') }, ['y'], (ops, { y, x }) => ops.add(y!, x!, n)],
    ['scale', { y: x('y') }, ['y'], (ops, { y }) => ops.scale(y!, 1 / 3, n)],
    [
      'subtract',
      { y: empty(), a: x('a'), b: x('b') },
      ['y'],
      (ops, { y, a, b }) => ops.subtract(y!, a!, b!, n),
    ],
    ['sumSquares', { x: x('x') }, [], (ops, { x }) => ops.sumSquares(x!, n)],
    ['largestMagnitude', { x: x('x') }, [], (ops, { x }) => ops.largestMagnitude(x!, n)],
    ['allFinite', { x: x('x') }, [], (ops, { x }) => ops.allFinite(x!, n)],
    [
      'accumulateWeighted',
      { sum: sum(), x: x('x') },
      ['sum'],
      (ops, { sum, x }) => ops.accumulateWeighted(sum!, x!, 1 / 7, n),
    ],
    [
      'roundSum',
      { y: empty(), sum: sum() },
      ['y'],
      (ops, { y, sum }) => ops.roundSum(y!, sum!, 1 / 7, n),
    ],
    [
      'widenBfloat16',
      { y: empty(), x: withoutNaN(halves(), 0x7f80) },
      ['y'],
      (ops, { y, x }) => ops.widenBfloat16(y!, x!, n),
    ],
    [
      'widenFloat16',
      { y: empty(), x: withoutNaN(halves(), 0x7c00) },
      ['y'],
      (ops, { y, x }) => ops.widenFloat16(y!, x!, n),
    ],
    ['exp', { y: empty(), x: x('exp', 100) }, ['y'], (ops, { y, x }) => ops.exp(y!, x!, n)],
    ['log', { y: empty(), x: x('log').map(Math.abs) }, ['y'], (ops, p) => ops.log(p.y!, p.x!, n)],
  ]
  return table.map(([op, arrays, outputs, run]) => ({ op, sizes: `${n}`, arrays, outputs, run }))
}

/** More rows than insertion sorts, and fewer; values that are equal; rows that are not summed. */
function trimmedCase([K, n]: readonly [number, number]): OpCase {
  const sizes = `${K}x${n}`
  const doubles = (name: string) =>
    Float64Array.from(floats(`${name} ${sizes}`, K), (value) => Math.abs(value) + 0.5)
  const weights = doubles('weights').map(Math.ceil)
  const x = floats(`x ${sizes}`, K * n).map((value, i) => (i % 7 === 0 ? 0 : value))
  return {
    op: 'trimmedMean',
    sizes,
    arrays: {
      y: new Float32Array(n),
      x,
      clips: doubles('clips'),
      weights,
      parts: Float64Array.from(weights, (_, k) => Number(k % 5 !== 3)),
      work: new Float64Array(trimmedWorkBytes(K) / 8),
    },
    outputs: ['y', 'work'],
    run: (ops, { y, x, clips, weights: w, parts, work }) => {
      const trim = weights.reduce((sum, value) => sum + value, 0) / 10
      const at = { y: y!, x: x!, clips: clips!, weights: w!, parts: parts!, work: work! }
      ops.trimmedMean({ ...at, K, n, trim })
      // What is left there is nobody's business, and differs.
      ops.fill(work!, 0, trimmedWorkBytes(K) / 4)
    },
  }
}

/**
 * Zero in place of halves with all exponent bits set, whose float32 may be a NaN of any payload.
 */
function withoutNaN(halves: Uint16Array, exponentBits: number): Uint16Array {
  return halves.map((bits) => ((bits & exponentBits) === exponentBits ? 0 : bits))
}

function adamWCase(n: number): OpCase {
  const step = {
    n,
    learningRate: 1e-3,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 0.01,
    gradientScale: 0.37,
    mCorrection: 1 / (1 - 0.9),
    vCorrection: 1,
    ratioMax: 2,
  }
  return {
    op: 'adamW',
    sizes: `${n}`,
    arrays: {
      theta: floats(`theta ${n}`, n),
      gradient: floats(`gradient ${n}`, n),
      m: floats(`m ${n}`, n, 0.1),
      v: positives(`v ${n}`, n, 0, 4),
    },
    outputs: ['theta', 'm', 'v'],
    run: (ops, { theta, gradient, m, v }) =>
      ops.adamW({ ...step, theta: theta!, gradient: gradient!, m: m!, v: v! }),
  }
}

function quantiseCases(n: number): OpCase[] {
  return ([7, 127] as const).flatMap((levels): OpCase[] => {
    const bytes = levels === 7 ? Math.ceil(n / 2) : n
    const blocks = Math.ceil(n / 64)
    const codes = Uint8Array.from(integers(`codes ${n}`, bytes, 0, 256))
    const scales = Uint16Array.from(integers(`scales ${n}`, blocks, 0, 0x7c00))
    return [
      {
        op: 'quantise',
        sizes: `${n} levels ${levels}`,
        arrays: {
          codes: new Uint8Array(bytes),
          scales: new Uint16Array(blocks),
          x: floats(`x ${n}`, n, 1e-3),
        },
        outputs: ['codes', 'scales'],
        run: (ops, { codes, scales, x }) => ops.quantise(codes!, scales!, x!, n, levels),
      },
      {
        op: 'dequantise',
        sizes: `${n} levels ${levels}`,
        arrays: { y: new Float32Array(n), codes, scales },
        outputs: ['y'],
        run: (ops, { y, codes, scales }) => ops.dequantise(y!, codes!, scales!, n, levels),
      },
    ]
  })
}

function gatherCase([T, D]: readonly [number, number]): OpCase {
  return {
    op: 'gatherRows',
    sizes: `${T}x${D}`,
    arrays: {
      y: new Float32Array(T * D),
      table: floats('table', 9 * D),
      ids: integers('ids', T, 0, 9),
    },
    outputs: ['y'],
    run: (ops, { y, table, ids }) => ops.gatherRows(y!, table!, ids!, T, D),
  }
}

export const OP_CASES: readonly OpCase[] = [
  ...gemmCases(),
  ...MATRICES.flatMap(normCases),
  ...ropeCases(),
  ...softmaxCases(),
  ...LENGTHS.flatMap((n) => swigluCases([1, n, n])),
  ...swigluCases([5, 37, 74]),
  ...MATRICES.flatMap(crossEntropyCases),
  ...MATRICES.map(gatherCase),
  ...LENGTHS.flatMap(vectorCases),
  ...LENGTHS.map(adamWCase),
  ...LENGTHS.flatMap(quantiseCases),
  ...TRIMMED.map(trimmedCase),
  ...FROZEN_CASES,
  ...NOISE_CASES,
  ...COLUMN_CASES,
]
