/**
 * The values of the ops against doubles and Math's own functions, within the rounding of float32.
 */
import { expect, test } from 'vitest'
import type { Ops } from '../../kernels/ops.ts'
import { cosSinDouble, expDouble, logDouble } from '../../kernels/portable-math.ts'
import { floats, implementations, integers, positives, runCase } from './harness.ts'
import * as model from './models.ts'
import { FORMS, gemmCase } from './op-cases.ts'

/** |actual - expected| <= tolerance · max(1, largest expected), element by element. */
function check(actual: Iterable<number>, expected: readonly number[], tolerance: number): void {
  const scale = Math.max(1, ...expected.map(Math.abs))
  const far = [...actual].map((value, i) => Math.abs(value - expected[i]!) / scale)
  expect(far).toHaveLength(expected.length)
  expect(far.every((error) => error <= tolerance)).toBe(true)
}

function rowsOf(numbers: Iterable<number>, width: number): number[][] {
  const all = [...numbers]
  return Array.from({ length: all.length / width }, (_, i) => all.slice(i * width, (i + 1) * width))
}

const ULP = 2 ** -23

function onEach(name: string, body: (ops: Ops) => void): void {
  for (const ops of implementations) test(`${ops.name}: ${name}`, () => body(ops))
}

for (const form of FORMS) {
  onEach(`gemm ${form} is the product`, (ops) => {
    const [M, N, K] = [9, 11, 70]
    const product = gemmCase(form, [M, N, K], true, 0)
    const [a, b, c] = ['a', 'b', 'c'].map((name) => [...product.arrays[name]!])
    const at = (i: number, k: number) => a![form === 'tn' ? k * M + i : i * K + k]!
    const bt = (k: number, j: number) => b![form === 'nt' ? j * K + k : k * N + j]!
    const expected = c!.map((start, cell) => {
      const [i, j] = [Math.floor(cell / N), cell % N]
      return start + model.sumOf(Array.from({ length: K }, (_, k) => at(i, k) * bt(k, j)))
    })
    check(runCase(ops, product).arrays.c!, expected, 10 * ULP)
  })
}

onEach('exp within 1.5 ulp on [-87, 88], 0 below, e^88 above, NaN for NaN', (ops) => {
  const x = positives('exp', 20000, -87, 88)
  x.set([-87, 88, 0, -0, 1, -1e-8])
  const y = runCase(ops, unary('exp', x)).arrays.y!
  const errors = [...x].map((value, i) => Math.abs(y[i]! / Math.exp(value) - 1) / 2 ** -24)
  expect(Math.max(...errors)).toBeLessThan(1.5)
  const edges = Float32Array.of(-87.1, -Infinity, 88.1, Infinity, NaN, 0, -0)
  const [tiny, none, large, infinite, nan, ...ones] = runCase(ops, unary('exp', edges)).arrays.y!
  expect([tiny, none, nan, ...ones]).toEqual([0, 0, NaN, 1, 1])
  check([large! / Math.exp(88), infinite! / Math.exp(88)], [1, 1], ULP)
})

onEach('log within 1 ulp, and at the edges', (ops) => {
  const x = positives('log', 5000, 0, 4)
  x.set([1, 3.4e38, 1.2e-38, 1e-45])
  const y = runCase(ops, unary('log', x)).arrays.y!
  check(
    [...y].map((value, i) => value - Math.log(x[i]!)),
    new Array(x.length).fill(0),
    4e-6,
  )
  const near = [...y].slice(4).map((value, i) => value / Math.log(x[i + 4]!))
  check(near, new Array(near.length).fill(1), ULP)
  const edges = runCase(ops, unary('log', Float32Array.of(0, -0, -1, Infinity, NaN))).arrays.y!
  expect([...edges]).toEqual([-Infinity, -Infinity, NaN, Infinity, NaN])
})

function unary(op: 'exp' | 'log', x: Float32Array) {
  return {
    op,
    sizes: '',
    arrays: { y: new Float32Array(x.length), x },
    outputs: ['y'],
    run: (ops: Ops, { y, x: from }: Record<string, number>) => ops[op](y!, from!, x.length),
  }
}

test('exp, log, sine and cosine of doubles', () => {
  const x = [...positives('doubles', 3000, -40, 40)]
  check(
    x.map((value) => expDouble(value) / Math.exp(value)),
    x.map(() => 1),
    1e-15,
  )
  check(
    x.map((value) => logDouble(Math.exp(value)) - value),
    x.map(() => 0),
    2e-14,
  )
  const angles = x.map((value) => value * 20000)
  check(
    angles.map((angle) => cosSinDouble(angle)[0]),
    angles.map(Math.cos),
    3e-16,
  )
  check(
    angles.map((angle) => cosSinDouble(angle)[1]),
    angles.map(Math.sin),
    3e-16,
  )
  const wide = [...positives('wide doubles', 3000, -707, 708)]
  check(
    wide.map((value) => expDouble(value) / Math.exp(value)),
    wide.map(() => 1),
    1e-15,
  )
  expect([-1e9, -709, 710, Infinity, NaN].map(expDouble)).toEqual([0, 0, Infinity, Infinity, NaN])
  expect([0, Infinity, -1, NaN].map(logDouble)).toEqual([-Infinity, Infinity, NaN, NaN])
})

onEach('rmsNormForward, and the rstd it keeps', (ops) => {
  const [T, D] = [3, 37]
  const [x, w] = [floats('x', T * D), floats('w', D)]
  const { y, rstd } = runCase(ops, {
    op: 'rmsNormForward',
    sizes: '',
    arrays: { y: new Float32Array(T * D), rstd: new Float32Array(T), x, w },
    outputs: [],
    run: (ops, p) => ops.rmsNormForward(p.y!, p.rstd!, p.x!, p.w!, T, D, 1e-5),
  }).arrays
  const rows = rowsOf(x, D)
  check(
    y!,
    rows.flatMap((row) => model.rmsNorm(row, [...w], 1e-5)),
    4 * ULP,
  )
  const means = rows.map((row) => model.sumOf(row.map((value) => value ** 2)) / D)
  check(
    rstd!,
    means.map((mean) => 1 / Math.sqrt(mean + 1e-5)),
    4 * ULP,
  )
})

onEach('ropeTable and rope turn each pair by its angle, and back', (ops) => {
  const [T, S, heads, E, theta] = [10, 5, 2, 12, 10000]
  const x = floats('rope', T * heads * E)
  const turn = (directions: readonly (1 | -1)[]) =>
    runCase(ops, {
      op: 'rope',
      sizes: '',
      arrays: { x, cos: new Float32Array((S * E) / 2), sin: new Float32Array((S * E) / 2) },
      outputs: [],
      run: (ops, p) => {
        ops.ropeTable(p.cos!, p.sin!, S, E, theta, null)
        for (const direction of directions) {
          ops.rope(p.x!, heads * E, p.cos!, p.sin!, T, S, heads, E, direction)
        }
      },
    }).arrays.x!
  const expected = rowsOf(x, E).map((row, i) => model.rope(row, Math.floor(i / heads) % S, theta))
  check(turn([1]), expected.flat(), 4 * ULP)
  check(turn([1, -1]), [...x], 4 * ULP)
})

onEach('causalSoftmax over each query, zero behind it', (ops) => {
  const [rows, columns, ld, first] = [5, 9, 11, 3]
  const p = floats('scores', rows * ld, 20)
  const after = runCase(ops, {
    op: 'causalSoftmax',
    sizes: '',
    arrays: { p },
    outputs: [],
    run: (ops, { p }) => ops.causalSoftmax(p!, rows, columns, ld, first, 0.5),
  }).arrays.p!
  const expected = rowsOf(p, ld).flatMap((row, i) => {
    const n = Math.min(first + i + 1, columns)
    const seen = model.softmax(row.slice(0, n), 0.5)
    return [...seen, ...new Array(columns - n).fill(0), ...row.slice(columns)]
  })
  check(after, expected, 4 * ULP)
})

onEach('swigluForward', (ops) => {
  const [gate, up] = [floats('gate', 101, 30), floats('up', 101)]
  const { y } = runCase(ops, {
    op: 'swigluForward',
    sizes: '',
    arrays: { y: new Float32Array(101), gate, up },
    outputs: [],
    run: (ops, p) => ops.swigluForward(p.y!, p.gate!, p.up!, 1, 101, 101),
  }).arrays
  check(
    y!,
    [...gate].map((value, i) => model.swiglu(value, up[i]!)),
    2 * ULP,
  )
})

onEach('crossEntropy sums the loss of counted rows; its gradient is softmax - onehot', (ops) => {
  const [T, V] = [4, 33]
  const logits = floats('logits', T * V, 10)
  const targets = Int32Array.of(7, -1, 32, 0)
  const result = runCase(ops, {
    op: 'crossEntropy',
    sizes: '',
    arrays: { logits, targets },
    outputs: [],
    run: (ops, p) => ops.crossEntropy(p.logits!, p.targets!, T, V, 0.5),
  })
  const rows = rowsOf(logits, V)
  const losses = rows.map((row, t) => (targets[t]! < 0 ? 0 : model.crossEntropy(row, targets[t]!)))
  check([result.returned as number], [model.sumOf(losses)], 4 * ULP)
  const gradient = rows.flatMap((row, t) => {
    const p = model.softmax(row, 1)
    return p.map((value, i) => (targets[t]! < 0 ? 0 : (value - (i === targets[t] ? 1 : 0)) * 0.5))
  })
  check(result.arrays.logits!, gradient, 2 * ULP)
})

onEach('a crossEntropy row far from its target stays finite', (ops) => {
  const logits = Float32Array.of(200, -200, -Infinity)
  const result = runCase(ops, {
    op: 'crossEntropy',
    sizes: '',
    arrays: { logits, targets: Int32Array.of(1) },
    outputs: [],
    run: (ops, p) => ops.crossEntropy(p.logits!, p.targets!, 1, 3, 1),
  })
  expect(result.returned).toBe(400)
  expect([...result.arrays.logits!]).toEqual([1, -1, 0])
})

onEach('adamW', (ops) => {
  const n = 29
  const [theta, gradient, m] = [floats('theta', n), floats('g', n), floats('m', n, 0.3)]
  const v = positives('v', n, 0, 2)
  const [learningRate, beta1, beta2, epsilon, weightDecay] = [0.01, 0.9, 0.99, 1e-8, 0.1]
  const hyper = { n, learningRate, beta1, beta2, epsilon, weightDecay }
  const [gradientScale, mCorrection, vCorrection, ratioMax] = [0.5, 1.9, 1.3, 0.4]
  const step = { ...hyper, gradientScale, mCorrection, vCorrection, ratioMax }
  const after = runCase(ops, {
    op: 'adamW',
    sizes: '',
    arrays: { theta, gradient, m, v },
    outputs: [],
    run: (ops, p) =>
      ops.adamW({ ...step, theta: p.theta!, gradient: p.gradient!, m: p.m!, v: p.v! }),
  }).arrays
  const g = [...gradient].map((value) => value * gradientScale)
  const m1 = g.map((value, i) => beta1 * m[i]! + (1 - beta1) * value)
  const v1 = g.map((value, i) => beta2 * v[i]! + (1 - beta2) * value ** 2)
  const ratios = m1.map((value, i) => (value * mCorrection) / Math.sqrt(v1[i]! * vCorrection))
  expect(ratios.some((ratio) => Math.abs(ratio) > ratioMax)).toBe(true)
  const moved = ratios.map((ratio, i) => {
    const clamped = Math.min(Math.max(ratio, -ratioMax), ratioMax)
    return theta[i]! * (1 - learningRate * weightDecay) - learningRate * clamped
  })
  check(after.m!, m1, 2 * ULP)
  check(after.v!, v1, 2 * ULP)
  check(after.theta!, moved, 2 * ULP)
})

onEach('vectors: add, subtract, scale, sums, gather', (ops) => {
  const n = 23
  const [a, b, ids] = [floats('a', n), floats('b', n), integers('ids', 3, 0, n)]
  const sums = Float64Array.from(a)
  const result = runCase(ops, {
    op: 'several',
    sizes: '',
    arrays: { a, b, minus: new Float32Array(n), y: new Float32Array(3), ids, sums },
    outputs: [],
    run: (ops, p) => {
      ops.subtract(p.minus!, p.a!, p.b!, n)
      ops.gatherRows(p.y!, p.b!, p.ids!, 3, 1)
      ops.accumulateWeighted(p.sums!, p.b!, 3, n)
      ops.add(p.a!, p.b!, n)
      ops.scale(p.a!, 0.25, n)
      ops.roundSum(p.b!, p.sums!, 0.5, n)
      return ops.sumSquares(p.minus!, n)
    },
  })
  const pairs = [...a].map((value, i) => [value, b[i]!] as const)
  const minus = pairs.map(([x, y]) => x - y)
  check(result.arrays.minus!, minus, ULP)
  check(
    result.arrays.a!,
    pairs.map(([x, y]) => (x + y) / 4),
    ULP,
  )
  check(
    result.arrays.b!,
    pairs.map(([x, y]) => (x + 3 * y) / 2),
    ULP,
  )
  check(
    result.arrays.y!,
    [...ids].map((id) => b[id]!),
    0,
  )
  check([result.returned as number], [model.sumOf(minus.map((value) => value ** 2))], 4 * ULP)
})

for (const value of [NaN, Infinity, -Infinity]) {
  onEach(`allFinite finds ${value} at any place`, (ops) => {
    for (const n of [1, 4, 7, 64]) {
      for (let at = 0; at < n; at++) {
        const x = floats('finite', n, 3e38)
        x[at] = value
        const look = { op: 'allFinite', sizes: '', arrays: { x }, outputs: [] }
        expect(runCase(ops, { ...look, run: (ops, p) => ops.allFinite(p.x!, n) }).returned).toBe(
          false,
        )
      }
    }
  })
}
