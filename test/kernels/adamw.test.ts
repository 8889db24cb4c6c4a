/** The optimizer step around the op: clipping, bias corrections, outcomes. */
import { expect, test } from 'vitest'
import { type AdamWHyper, biasCorrection, clippedAdamW } from '../../kernels/adamw.ts'
import { MACHINES, PAIR_LAYOUT } from './jobs.ts'

const HYPER: AdamWHyper = {
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 0,
  gradientClip: 1,
  ratioMax: 2,
}

interface Vectors {
  theta: number[]
  gradient: number[]
  m: number[]
  v: number[]
}

for (const [machine, create] of MACHINES) {
  const step = (
    before: Partial<Vectors>,
    hyper: Partial<AdamWHyper>,
    schedule: { learningRate: number; step: number; warm: boolean },
  ) => {
    const { ops, arena } = create()
    const place = (values: readonly number[]) => {
      const pointer = arena.allocate('test', 4 * values.length)
      const view = new Float32Array(ops.memory.buffer, pointer, values.length)
      view.set(values)
      return { pointer, view }
    }
    const zeros = [0, 0]
    const [theta, gradient, m, v] = [
      place(before.theta ?? zeros),
      place(before.gradient ?? zeros),
      place(before.m ?? zeros),
      place(before.v ?? zeros),
    ]
    const buffers = {
      layout: PAIR_LAYOUT,
      theta: theta.pointer,
      gradient: gradient.pointer,
      m: m.pointer,
      v: v.pointer,
    }
    const outcome = clippedAdamW(ops, buffers, { ...HYPER, ...hyper }, schedule)
    return { outcome, theta: [...theta.view], m: [...m.view], v: [...v.view] }
  }

  test(`${machine}: a cold first step is the learning rate against the gradient's sign`, () => {
    const { theta, outcome } = step(
      { theta: [1, 1], gradient: [0.3, -0.001] },
      {},
      { learningRate: 0.01, step: 1, warm: false },
    )
    expect(theta[0]).toBeCloseTo(0.99, 6)
    expect(theta[1]).toBeCloseTo(1.01, 6)
    expect(outcome).toEqual({ status: 'ok', gradientNorm: expect.closeTo(0.3000017, 6) })
  })

  test(`${machine}: B learns faster than A by the ratio of their rates, and decays faster`, () => {
    const { theta } = step(
      { theta: [1, 1], gradient: [0.3, -0.001] },
      { rateRatio: 16, weightDecay: 0.1 },
      { learningRate: 0.01, step: 1, warm: false },
    )
    expect(theta[0]).toBeCloseTo(1 - 0.001 - 0.01, 6)
    // The smaller gradient is not far from epsilon, 1e-8.
    expect(theta[1]).toBeCloseTo(1 - 0.016 + (0.16 * 0.001) / (0.001 + 1e-8), 6)
  })

  test(`${machine}: a gradient of norm 5 is clipped to norm 1, its norm told before`, () => {
    const { m, v, outcome } = step(
      { gradient: [3, -4] },
      {},
      { learningRate: 0.01, step: 1, warm: false },
    )
    expect(outcome).toEqual({ status: 'ok', gradientNorm: 5 })
    expect(m[0]).toBeCloseTo(0.1 * 0.6, 7)
    expect(m[1]).toBeCloseTo(-0.1 * 0.8, 7)
    expect(v[0]).toBeCloseTo(0.01 * 0.36, 7)
  })

  test(`${machine}: by hand, step 3 of a running optimizer`, () => {
    const { theta } = step(
      { theta: [0.5, 0], gradient: [0.2, 0], m: [0.05, 0], v: [0.004, 0] },
      { weightDecay: 0.1 },
      { learningRate: 0.1, step: 3, warm: false },
    )
    // m = 0.065, m / (1 - 0.9^3) = 0.239852; v = 0.00436, v / (1 - 0.99^3) = 0.146796
    const ratio = 0.065 / 0.271 / Math.sqrt(0.00436 / 0.029701)
    expect(theta[0]).toBeCloseTo(0.5 * (1 - 0.1 * 0.1) - 0.1 * ratio, 6)
  })

  test(`${machine}: a tiny warm v moves no scalar beyond ratioMax learning rates`, () => {
    const { theta } = step(
      { gradient: [0.5, -0.5], v: [1e-16, 1e-16] },
      {},
      { learningRate: 0.01, step: 1, warm: true },
    )
    expect(theta[0]).toBeCloseTo(-0.02, 7)
    expect(theta[1]).toBeCloseTo(0.02, 7)
  })

  for (const [where, before, untouched] of [
    ['gradient', { gradient: [Number.NaN, 0], theta: [1, 2] }, true],
    ['gradient', { gradient: [0, Number.NEGATIVE_INFINITY], theta: [1, 2] }, true],
    ['adapter', { gradient: [0.1, 0], theta: [Number.NaN, 2] }, false],
    ['moment', { gradient: [0.1, 0], theta: [1, 2], v: [0, Number.POSITIVE_INFINITY] }, false],
  ] as [string, Partial<Vectors>, boolean][]) {
    test(`${machine}: ${JSON.stringify(before)} is non-finite in the ${where}`, () => {
      const after = step(before, {}, { learningRate: 0.01, step: 1, warm: true })
      expect(after.outcome).toEqual({ status: 'non-finite', where })
      if (untouched) expect(after.theta).toEqual(before.theta)
    })
  }
}

for (const [beta, step, expected] of [
  [0.9, 1, 1 / (1 - 0.9)],
  [0.9, 2, 1 / (1 - 0.9 * 0.9)],
  [0.5, 10, 1 / (1 - 1 / 1024)],
  [0, 1, 1],
  [0.99, 100_000, 1],
] as const) {
  test(`the bias correction of ${beta} after ${step} steps is ${expected}`, () => {
    expect(biasCorrection(beta, step)).toBe(expected)
  })
}
