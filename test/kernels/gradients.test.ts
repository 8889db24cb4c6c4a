/**
 * Each backward op against finite differences of what its forward means (models.ts, in doubles).
 */
import { expect, test } from 'vitest'
import { floats, implementations, type Numbers, type OpCase, runCase } from './harness.ts'
import * as model from './models.ts'

const TOLERANCE = 2e-6

/** Runs the op on all implementations and compares one output with the expected gradient. */
function check(opCase: Omit<OpCase, 'sizes' | 'outputs'>, output: string, expected: number[]) {
  const scale = Math.max(1, ...expected.map(Math.abs))
  for (const ops of implementations) {
    const actual = [...runCase(ops, { ...opCase, sizes: '', outputs: [] }).arrays[output]!]
    expect(actual).toHaveLength(expected.length)
    const errors = actual.map((value, i) => Math.abs(value - expected[i]!) / scale)
    expect(Math.max(...errors)).toBeLessThan(TOLERANCE)
  }
}

const list = (numbers: Numbers) => [...numbers] as number[]
const row = (numbers: Numbers, t: number, width: number) =>
  list(numbers).slice(t * width, (t + 1) * width)

for (const [T, D] of [
  [1, 1],
  [2, 7],
  [3, 18],
] as const) {
  test(`rmsNormBackward ${T}x${D} adds the gradient to dx`, () => {
    const [x, dy, w] = [floats('x', T * D), floats('dy', T * D), floats('w', D)]
    const before = floats('before', T * D)
    const rstd = new Float32Array(T)
    const opCase = {
      op: 'rmsNormBackward',
      arrays: { dx: before, y: new Float32Array(T * D), rstd, x, dy, w },
      run: (ops, p) => {
        ops.rmsNormForward(p.y!, p.rstd!, p.x!, p.w!, T, D, 1e-3)
        ops.rmsNormBackward(p.dx!, p.dy!, p.x!, p.w!, p.rstd!, T, D)
      },
    } satisfies Omit<OpCase, 'sizes' | 'outputs'>
    const norm = (values: readonly number[]) => model.rmsNorm(values, list(w), 1e-3)
    const gradient = Array.from({ length: T }, (_, t) =>
      model.gradientOf(norm, row(x, t, D), row(dy, t, D)),
    ).flat()
    check(
      opCase,
      'dx',
      gradient.map((value, i) => value + before[i]!),
    )
  })
}

test('rope backwards is the gradient of rope', () => {
  const [S, E, theta] = [6, 10, 100]
  const [x, dy] = [floats('x', S * E), floats('dy', S * E)]
  const tables = { cos: new Float32Array((S * E) / 2), sin: new Float32Array((S * E) / 2) }
  const gradient = Array.from({ length: S }, (_, t) =>
    model.gradientOf((values) => model.rope(values, t, theta), row(x, t, E), row(dy, t, E)),
  )
  const opCase = {
    op: 'rope',
    arrays: { dy, ...tables },
    run: (ops, p) => {
      ops.ropeTable(p.cos!, p.sin!, S, E, theta, null)
      ops.rope(p.dy!, E, p.cos!, p.sin!, S, S, 1, E, -1)
    },
  } satisfies Omit<OpCase, 'sizes' | 'outputs'>
  check(opCase, 'dy', gradient.flat())
})

for (const [rows, columns, first] of [
  [1, 1, 0],
  [4, 9, 2],
  [3, 20, 17],
] as const) {
  test(`causalSoftmaxBackward ${rows}x${columns} from ${first}`, () => {
    const scale = 0.7
    const n = rows * columns
    const [scores, dp] = [floats('scores', n), floats('dp', n)]
    const gradient = Array.from({ length: rows }, (_, t) => {
      const seen = Math.min(first + t + 1, columns)
      const softmax = (x: readonly number[]) => model.softmax(x, scale)
      const of = row(scores, t, columns).slice(0, seen)
      const to = row(dp, t, columns).slice(0, seen)
      return [...model.gradientOf(softmax, of, to), ...new Array(columns - seen).fill(0)]
    })
    const opCase = {
      op: 'causalSoftmaxBackward',
      arrays: { dp, p: scores },
      run: (ops, p) => {
        ops.causalSoftmax(p.p!, rows, columns, columns, first, scale)
        ops.causalSoftmaxBackward(p.dp!, p.p!, rows, columns, columns, first, scale)
      },
    } satisfies Omit<OpCase, 'sizes' | 'outputs'>
    check(opCase, 'dp', gradient.flat())
  })
}

test('swigluBackward: both factors', () => {
  const n = 43
  const [gate, up, dy] = [floats('gate', n, 8), floats('up', n), floats('dy', n)]
  const opCase = {
    op: 'swigluBackward',
    arrays: { dgate: new Float32Array(n), dup: new Float32Array(n), dy, gate, up },
    run: (ops, p) => ops.swigluBackward(p.dgate!, p.dup!, p.dy!, p.gate!, p.up!, 1, n, n),
  } satisfies Omit<OpCase, 'sizes' | 'outputs'>
  const byGate = (x: readonly number[]) => x.map((value, i) => model.swiglu(value, up[i]!))
  const byUp = (x: readonly number[]) => x.map((value, i) => model.swiglu(gate[i]!, value))
  check(opCase, 'dgate', model.gradientOf(byGate, list(gate), list(dy)))
  check(opCase, 'dup', model.gradientOf(byUp, list(up), list(dy)))
})

test('crossEntropy: the gradient it leaves in the logits', () => {
  const [T, V, scale] = [3, 14, 0.5]
  const logits = floats('logits', T * V, 5)
  const targets = Int32Array.of(13, -1, 4)
  const gradient = Array.from({ length: T }, (_, t) =>
    model.gradientOf(
      (x) => [targets[t]! < 0 ? 0 : model.crossEntropy(x, targets[t]!)],
      row(logits, t, V),
      [scale],
    ),
  )
  const opCase = {
    op: 'crossEntropy',
    arrays: { logits, targets },
    run: (ops, p) => ops.crossEntropy(p.logits!, p.targets!, T, V, scale),
  } satisfies Omit<OpCase, 'sizes' | 'outputs'>
  check(opCase, 'logits', gradient.flat())
})
