/**
 * Frozen weights against what they mean: storage by known vectors and laws, the float32 path
 * against `gemm` on the dequantised matrix, the integer path against doubles and at its extremes.
 */
import { expect, test } from 'vitest'
import { BLOCK_KINDS, BLOCKS, hasIntegerPath, isBlockKind } from '../../kernels/blocks.ts'
import { rowBytes, weightBytes, weightRows } from '../../kernels/frozen.ts'
import { frozenBackward, frozenForward } from '../../kernels/frozen-product.ts'
import type { BlockKind, Ops, StorageKind } from '../../kernels/ops.ts'
import { FACTORS } from './block-weights.ts'
import { PATHS, productCases, weightArrays, weightAt } from './frozen-cases.ts'
import {
  floats,
  implementations,
  integers,
  type Numbers,
  type OpCase,
  type Pointers,
  positives,
  runCase,
} from './harness.ts'

function onEach(name: string, body: (ops: Ops) => void): void {
  for (const ops of implementations) test(`${ops.name}: ${name}`, () => body(ops))
}

function run(ops: Ops, arrays: Record<string, Numbers>, call: OpCase['run']) {
  return runCase(ops, { op: '', sizes: '', arrays, outputs: [], run: call }).arrays
}

/** Stores rows of w (O,I) and reads them back. */
function stored(ops: Ops, kind: StorageKind, [O, I]: readonly [number, number], w: Float32Array) {
  const blank = weightArrays(kind, O, I)
  return run(
    ops,
    {
      values: blank.values!.slice().fill(0),
      scales: blank.scales!.slice().fill(0),
      w,
      y: new Float32Array(O * I),
      ids: Int32Array.from({ length: O }, (_, o) => o),
    },
    (ops, p) => {
      ops.storeWeight(weightAt(p, kind, O, I), p.w!)
      ops.gatherFrozen(p.y!, weightAt(p, kind, O, I), p.ids!, O)
    },
  )
}

const INFINITY_BITS = 0x7c00
onEach('every finite float16 comes back from float16, and from between two the nearer', (ops) => {
  const bits = Uint16Array.from({ length: 2 * INFINITY_BITS }, (_, i) =>
    i < INFINITY_BITS ? i : 0x8000 + i - INFINITY_BITS,
  )
  const wide = run(ops, { y: new Float32Array(bits.length), bits }, (ops, p) =>
    ops.widenFloat16(p.y!, p.bits!, bits.length),
  ).y as Float32Array
  expect(stored(ops, 'float16', [1, bits.length], wide).values).toEqual(bits)
  const nearer = wide.map((x) => x * (1 + 2 ** -13))
  expect(
    stored(ops, 'float16', [1, bits.length], nearer).values!.slice(2048, INFINITY_BITS),
  ).toEqual(bits.slice(2048, INFINITY_BITS))
})

for (const [kind, x, bits] of [
  ['float16', 1 + 2 ** -11, 0x3c00],
  ['float16', 1 + 3 * 2 ** -11, 0x3c02],
  ['float16', 2047.5 * 2 ** -24, 0x0800],
  ['float16', 2 ** -25, 0],
  ['float16', 1.5 * 2 ** -25, 1],
  ['float16', 65519.9, 0x7bff],
  ['float16', -65520, 0xfc00],
  ['float16', 3e38, 0x7c00],
  ['float16', -0, 0x8000],
  ['bfloat16', 1 + 2 ** -8, 0x3f80],
  ['bfloat16', 1 + 3 * 2 ** -8, 0x3f82],
  ['bfloat16', -(1 + 2 ** -8 + 2 ** -20), 0xbf81],
  ['bfloat16', 1e-40, 0x0001],
] as const) {
  onEach(`${x} is stored as ${kind} 0x${bits.toString(16)}`, (ops) => {
    const { values } = stored(ops, kind, [1, 1], Float32Array.of(x))
    expect([...values!]).toEqual([bits])
  })
}

for (const [what, w, codes, scale] of [
  ['scale 1, halves to even', [127, 0.5, 1.5, -2.5, -127], [127, 0, 2, 254, 129], 1],
  ['zeros', [0, -0, 0, 0, 0], [0, 0, 0, 0, 0], 0],
  ['denormals below any scale', [1e-45, 0, 0, 0, -1e-45], [0, 0, 0, 0, 0], 0],
  ['huge', [3e38, 0, -3e38, 1.5e38, 0], [127, 0, 129, 64, 0], Math.fround(Math.fround(3e38) / 127)],
] as const) {
  onEach(`int8: ${what}`, (ops) => {
    const { values, scales, y } = stored(ops, 'int8', [1, 5], Float32Array.from(w))
    expect([...values!]).toEqual([...codes])
    expect([...scales!]).toEqual([scale])
    const signed = codes.map((code) => Math.fround(((code << 24) >> 24) * scale) + 0)
    expect([...y!].map((value) => value + 0)).toEqual(signed)
  })
}

onEach('int8: rows stay within half a step of what was stored', (ops) => {
  const [O, I] = [5, 131]
  const w = floats('rows', O * I)
  const { y } = stored(ops, 'int8', [O, I], w)
  for (let start = 0; start < O * I; start += I) {
    const step = Math.max(...w.subarray(start, start + I).map(Math.abs)) / 127
    for (let i = start; i < start + I; i++) {
      expect(Math.abs(y![i]! - w[i]!)).toBeLessThan(0.501 * step + 1e-30)
    }
  }
})

/** About so many numbers, as a row of the kind can have them: of blocks, whole ones. */
const rowOf = (kind: StorageKind, inputs: number): number =>
  isBlockKind(kind) ? 256 * Math.ceil(inputs / 256) : inputs

test('rows of a weight are a weight', () => {
  for (const [kind] of PATHS) {
    const I = rowOf(kind, 70)
    const whole = { kind, values: 1024, scales: 2048, outputs: 9, inputs: I }
    const part = weightRows(whole, 4, 3)
    const skipped = weightBytes(kind, 4, I)
    const { values, scales, outputs, inputs } = part
    expect([values - 1024, scales - 2048, outputs, inputs]).toEqual([
      skipped.values,
      skipped.scales,
      3,
      I,
    ])
  }
  expect([rowBytes('int8', 65), rowBytes('float16', 65)]).toEqual([
    { values: 65, scales: 4 },
    { values: 130, scales: 0 },
  ])
  expect([rowBytes('Q8_0', 64), rowBytes('Q6_K', 512)]).toEqual([
    { values: 68, scales: 0 },
    { values: 420, scales: 0 },
  ])
})

for (const [kind, path] of PATHS.filter(([, path]) => path === 'float32')) {
  onEach(`${kind}: the float32 path is gemm on the matrix as it is gathered`, (ops) => {
    const [T, O, I] = [6, 19, rowOf(kind, kind === 'Q6_K' ? 600 : 131)]
    const ids = Int32Array.from({ length: O }, (_, o) => o)
    for (const opCase of productCases([T, O, I], [kind, path])) {
      const output = opCase.outputs[0]!
      const from = output === 'y' ? 'x' : 'dy'
      const sizes = output === 'y' ? { N: O, K: I } : { N: I, K: O }
      const form = output === 'y' ? 'nt' : 'nn'
      const accumulate = opCase.sizes.endsWith('accumulate')
      const expected = run(ops, { ...opCase.arrays, w: new Float32Array(O * I), ids }, (ops, p) => {
        ops.gatherFrozen(p.w!, weightAt(p, kind, O, I), p.ids!, O)
        const strides = { lda: sizes.K, ldb: I, ldc: sizes.N }
        const pointers = { a: p[from]!, b: p.w!, c: p[output]! }
        ops.gemm({ form, M: T, ...sizes, ...strides, ...pointers, accumulate })
      })
      expect(runCase(ops, opCase).arrays[output]).toEqual(expected[output])
    }
  })
}

for (const [kind, path] of PATHS) {
  onEach(`${kind} ${path}: a product in pieces is the product`, (ops) => {
    const [T, O, I] = [5, 1300, rowOf(kind, 40)]
    const weight = weightArrays(kind, O, I)
    const forward = { ...weight, x: floats('pieces x', T * I), y: new Float32Array(T * O) }
    const backward = { ...weight, y: floats('pieces y', T * O), x: new Float32Array(T * I) }
    const at = (p: Pointers) => weightAt(p, kind, O, I)
    const [whole, cut] = [
      run(ops, forward, (ops, p) => ops.frozenForward(p.y!, p.x!, at(p), T, path, false)),
      run(ops, forward, (ops, p) => frozenForward(ops, p.y!, p.x!, at(p), T, path, O, 1)),
    ]
    expect(cut.y).toEqual(whole.y)
    // Of kinds that have none in this direction, a piece is in float32.
    const back = hasIntegerPath(kind, true) ? path : 'float32'
    const [wholeBack, cutBack] = [
      run(ops, backward, (ops, p) => ops.frozenBackward(p.x!, p.y!, at(p), T, back, false)),
      run(ops, backward, (ops, p) => frozenBackward(ops, p.x!, p.y!, at(p), T, path, false, O, 1)),
    ]
    expect(cutBack.x).toEqual(wholeBack.x)
  })
}

/** y of one product on the integer path. */
function integerForward(ops: Ops, x: Float32Array, codes: Int8Array, scales: Float32Array) {
  const [O, I] = [scales.length, codes.length / scales.length]
  const T = x.length / I
  const values = new Uint8Array(codes.buffer)
  return run(ops, { y: new Float32Array(T * O), x, values, scales }, (ops, p) =>
    ops.frozenForward(p.y!, p.x!, weightAt(p, 'int8', O, I), T, 'int16', false),
  ).y!
}

function integerBackward(ops: Ops, dy: Float32Array, codes: Int8Array, scales: Float32Array) {
  const [O, I] = [scales.length, codes.length / scales.length]
  const T = dy.length / O
  const values = new Uint8Array(codes.buffer)
  return run(ops, { dx: new Float32Array(T * I), dy, values, scales }, (ops, p) =>
    ops.frozenBackward(p.dx!, p.dy!, weightAt(p, 'int8', O, I), T, 'int16', false),
  ).dx!
}

for (const code of [127, -127, -128]) {
  for (const sign of [1, -1]) {
    onEach(`512 products of ${sign * 32767} and ${code} do not overflow, either way`, (ops) => {
      const codes = new Int8Array(512 * 17).fill(code)
      const x = new Float32Array(512 * 6).fill(sign * 32767)
      const sum = Math.fround(512 * 32767 * sign * code)
      const ones = new Float32Array(17).fill(1)
      expect([...integerForward(ops, x, codes, ones)]).toEqual(new Array(6 * 17).fill(sum))
      const tall = new Float32Array(512).fill(1)
      expect([...integerBackward(ops, x, codes, tall)]).toEqual(new Array(6 * 17).fill(sum))
    })
  }
}

onEach('integer path: zeros and tiny blocks add nothing, what is not finite shows', (ops) => {
  const codes = new Int8Array(8).fill(3)
  const one = (x: readonly number[]) =>
    integerForward(ops, Float32Array.from(x), codes, Float32Array.of(0.5))[0]
  const rest = [0, 0, 0, 0, 0, 0, 0]
  expect(one([0, ...rest])).toBe(0)
  expect(one([2 ** -101, ...rest])).toBe(0)
  expect(one([2 ** -100, ...rest])).toBe(1.5 * 2 ** -100)
  for (const bad of [NaN, Infinity, -Infinity]) {
    for (let at = 0; at < 8; at++) expect(one(rest.toSpliced(at, 0, bad))).toBe(NaN)
  }
})

onEach('integer path: a block that is not finite spoils its row alone', (ops) => {
  const x = floats('spoiled', 5 * 600)
  x[2 * 600 + 590] = Infinity
  const codes = Int8Array.from(integers('codes', 9 * 600, -127, 128))
  const y = [...integerForward(ops, x, codes, positives('scales', 9, 0.1, 1))]
  expect(y.map(Number.isFinite)).toEqual(y.map((_, cell) => Math.floor(cell / 9) !== 2))
})

onEach('integer path: each block and row has a scale of its own', (ops) => {
  const x = new Float32Array(2 * 1024)
  x[0] = 1e20
  x[512] = 1
  x[1024] = 1e-20
  const y = integerForward(ops, x, new Int8Array(1024).fill(1), Float32Array.of(1))
  expect(y[0]! / 1e20).toBeCloseTo(1, 6)
  expect(y[1]! / 1e-20).toBeCloseTo(1, 6)
  x[0] = 0
  expect(integerForward(ops, x, new Int8Array(1024).fill(1), Float32Array.of(1))[0]).toBe(1)
})

onEach('integer path: within the rounding of int16 of the product in doubles', (ops) => {
  const [T, O, I] = [4, 11, 700]
  const codes = Int8Array.from(integers('codes', O * I, -127, 128))
  const scales = positives('scales', O, 1e-3, 1)
  const w = (o: number, i: number) => codes[o * I + i]! * scales[o]!
  const checkRows = (
    actual: Numbers,
    from: Float32Array,
    [columns, summed]: readonly [number, number],
    weight: (column: number, k: number) => number,
  ) => {
    // Half a step of a code, times the largest weight: numbers are below 3, scales below 1.
    const bound = (0.5 * 3 * 128) / 32767
    actual.forEach((value: number, cell: number) => {
      const [t, column] = [Math.floor(cell / columns), cell % columns]
      let exact = 0
      for (let k = 0; k < summed; k++) exact += from[t * summed + k]! * weight(column, k)
      expect(Math.abs(value - exact)).toBeLessThan(bound * summed)
    })
  }
  const x = floats('x', T * I)
  checkRows(integerForward(ops, x, codes, scales), x, [O, I], w)
  const dy = floats('dy', T * O)
  checkRows(integerBackward(ops, dy, codes, scales), dy, [I, O], (i, o) => w(o, i))
})

/** A block whose codes are as large as any, times the largest codes of scales; factors are 1. */
function largestBlock(kind: BlockKind): Uint8Array {
  const block = new Uint8Array(BLOCKS[kind].bytes)
  if (kind === 'Q8_0') block.fill(0x80)
  else if (kind === 'Q6_K') block.fill(0x80, 192, 208)
  else if (kind.endsWith('_K')) block.fill(0xff, 4, 16)
  for (const at of FACTORS[kind]) new DataView(block.buffer).setUint16(at, 0x3c00, true)
  return block
}

for (const kind of BLOCK_KINDS) {
  onEach(`${kind}: no sum of the largest codes leaves int32`, (ops) => {
    const [O, I] = [256, 256]
    const block = largestBlock(kind)
    const bytes = weightBytes(kind, O, I).values
    const ones = new Float32Array(I).fill(1)
    const arrays = {
      values: Uint8Array.from({ length: bytes }, (_, i) => block[i % block.length]!),
      scales: new Uint8Array(0),
      x: ones,
      y: new Float32Array(O),
    }
    const largest = (path: 'float32' | 'int16', isBackward: boolean) => {
      const name = isBackward ? 'frozenBackward' : 'frozenForward'
      const { y } = run(ops, arrays, (ops, p) =>
        ops[name](p.y!, p.x!, weightAt(p, kind, O, I), 1, path, false),
      )
      return (y as Float32Array)[0]!
    }
    for (const isBackward of [false, true].filter((is) => hasIntegerPath(kind, is))) {
      expect(largest('int16', isBackward) / largest('float32', isBackward)).toBeCloseTo(1, 5)
    }
  })
}
