/** The coordinator's step and the adapter that follows it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodedMax, encode, encodedBytes } from '../../kernels/compress.ts'
import { applyServerDelta, outerAdamW, outerNesterov, publishAdapter } from '../../kernels/outer.ts'
import {
  type DeltaState,
  type GradientState,
  initialOuterState,
  type OuterState,
} from '../../kernels/outer-state.ts'
import { ShapeError } from '../../kernels/shape.ts'
import { aggregate } from './aggregate-all.ts'
import {
  MACHINES,
  newTrainer,
  PAIR_LAYOUT,
  randomAdapter,
  randomBatch,
  randomFloats,
  relativeError,
  TINY,
  TINY_LAYOUT,
} from './jobs.ts'

const OUTER = { learningRate: 0.7, momentum: 0.6 }

function deltaState(adapter: Float32Array): DeltaState {
  return initialOuterState('delta', adapter) as DeltaState
}

function gradientState(adapter: Float32Array): GradientState {
  return initialOuterState('gradient', adapter) as GradientState
}

test('Nesterov by hand, two rounds', () => {
  const first = outerNesterov(deltaState(Float32Array.of(1, 0)), Float32Array.of(0.5, -1), OUTER)
  // b = delta; theta = 1 - 0.7 (0.5 + 0.6 · 0.5) = 0.44, 0 - 0.7 (-1 - 0.6) = 1.12
  expect(first.momentum).toEqual(Float32Array.of(0.5, -1))
  expect(first.theta).toEqual(Float32Array.of(0.44, 1.12))
  const second = outerNesterov(first, Float32Array.of(0.5, 1), OUTER)
  // b = 0.6 · 0.5 + 0.5 = 0.8 and 0.4; theta = 0.44 - 0.7 (0.5 + 0.48), 1.12 - 0.7 (1 + 0.24)
  expect(second.momentum[0]).toBeCloseTo(0.8, 7)
  expect(second.momentum[1]).toBeCloseTo(0.4, 7)
  expect(second.theta[0]).toBeCloseTo(-0.246, 6)
  expect(second.theta[1]).toBeCloseTo(0.252, 6)
})

test('with eta 1 and mu 0 theta is the mean of the locals', () => {
  const base = randomFloats(40, 1, 1)
  const locals = [2, 3].map((seed) => randomFloats(40, 1, seed))
  const mean = base.map((b, i) => (b - locals[0]![i]! + (b - locals[1]![i]!)) / 2)
  const { theta } = outerNesterov(deltaState(base), mean, { learningRate: 1, momentum: 0 })
  for (const [i, value] of theta.entries()) {
    expect(value).toBeCloseTo((locals[0]![i]! + locals[1]![i]!) / 2, 6)
  }
})

test('a state is never changed in place', () => {
  const [, create] = MACHINES[1]!
  const { ops, arena } = create()
  const before = deltaState(Float32Array.of(1, 2))
  const after = outerNesterov(before, Float32Array.of(1, 1), OUTER)
  publishAdapter(ops, arena, after, 'int4')
  expect(before).toEqual(deltaState(Float32Array.of(1, 2)))
  expect(after.adapter).toEqual(Float32Array.of(1, 2))
})

for (const [machine, create] of MACHINES) {
  const { ops, arena } = create()

  test(`${machine}: in float32 the adapter is theta, exactly`, () => {
    const state = { ...deltaState(randomFloats(100, 1, 1)), theta: randomFloats(100, 1e-3, 2) }
    const top = arena.top
    const { bytes, state: published } = publishAdapter(ops, arena, state, 'float32')
    expect(arena.top).toBe(top)
    expect(published.adapter).toEqual(state.theta)
    expect(bytes).toEqual(new Uint8Array(state.theta.buffer))
  })

  for (const codec of ['float32', 'int8', 'int4'] as const) {
    test(`${machine}: all who apply ${codec} server deltas hold the coordinator's bytes`, () => {
      let state: OuterState = deltaState(randomFloats(100, 1, 1))
      let held = state.adapter
      for (let round = 0; round < 5; round++) {
        state = outerNesterov(state as DeltaState, randomFloats(100, 0.01, round), OUTER)
        const published = publishAdapter(ops, arena, state, codec)
        expect(published.bytes.length).toBe(encodedBytes(codec, 100))
        const applied = applyServerDelta(ops, arena, held, codec, published.bytes)
        if (applied.status === 'malformed') throw new Error(applied.reason)
        held = applied.values
        state = published.state
        expect(held).toEqual(state.adapter)
      }
    })
  }

  test(`${machine}: what a quantised server delta leaves out, the next ones bring`, () => {
    let state: OuterState = { ...deltaState(new Float32Array(64)), theta: randomFloats(64, 1, 3) }
    const errors: number[] = []
    for (let round = 0; round < 6; round++) {
      state = publishAdapter(ops, arena, state, 'int4').state
      const { theta, adapter } = state
      errors.push(Math.max(...theta.map((value, i) => Math.abs(value - adapter[i]!))))
    }
    expect(errors[0]).toBeLessThan(decodedMax('int4', 1) / 14 + 1e-6)
    for (const [round, error] of errors.slice(1).entries()) {
      expect(error).toBeLessThan(Math.max(errors[round]! / 10, 1e-6))
    }
  })

  test(`${machine}: a malformed server delta changes nothing`, () => {
    const adapter = Float32Array.of(1, 2)
    const result = applyServerDelta(ops, arena, adapter, 'int8', new Uint8Array(3))
    expect(result).toMatchObject({ status: 'malformed' })
    expect(adapter).toEqual(Float32Array.of(1, 2))
  })

  test(`${machine}: two half batches, averaged, step as one machine with the whole`, () => {
    const LEARNING_RATE = 0.01
    const base = randomAdapter(TINY_LAYOUT, 4)
    const trainer = newTrainer({ ops, arena })
    let state = gradientState(base)
    const single = newTrainer(create())
    single.load(base, null)
    for (let step = 0; step < 4; step++) {
      const { tokens, targets } = randomBatch(TINY, 4, 40 + step)
      // Unequal halves in target tokens, so that a plain mean of means would be wrong.
      targets.fill(-1, 0, 8)
      const half = tokens.length / 2
      const contributions = [0, 1].map((part) => {
        trainer.load(state.adapter, null)
        const own = (ids: Int32Array) => ids.subarray(part * half, (part + 1) * half)
        const outcome = trainer.gradient({ tokens: own(tokens), targets: own(targets) })
        if (outcome.status !== 'ok') throw new Error(outcome.status)
        return {
          codec: 'float32' as const,
          bytes: encode(ops, arena, 'float32', trainer.meanGradient()),
          weight: outcome.targetTokens,
          steps: 1,
          deltaMax: Number.POSITIVE_INFINITY,
        }
      })
      const rule = { weightCap: Number.POSITIVE_INFINITY, normClip: Number.POSITIVE_INFINITY }
      const { mean } = aggregate(ops, arena, base.length, contributions, rule)
      const stepped = outerAdamW(ops, arena, TINY_LAYOUT, state, mean!, TINY.hyper, LEARNING_RATE)
      expect(stepped.outcome.status).toBe('ok')
      state = publishAdapter(ops, arena, stepped.state, 'float32').state
      single.localStep({ tokens, targets }, LEARNING_RATE)
      const moved = base.map((value, i) => value - state.adapter[i]!)
      expect(relativeError(moved, single.delta(base)), `step ${step}`).toBeLessThan(1e-4)
    }
    expect(state.step).toBe(4)
  })

  test(`${machine}: gradients of several calls add up to that of one call with all`, () => {
    const trainer = newTrainer({ ops, arena })
    const { tokens, targets } = randomBatch(TINY, 4, 50)
    const third = TINY.sequenceLength
    const accumulated = (cuts: number[]) => {
      trainer.load(randomAdapter(TINY_LAYOUT, 4), null)
      for (const [i, from] of cuts.entries()) {
        const to = cuts[i + 1] ?? tokens.length
        trainer.gradient({
          tokens: tokens.subarray(from, to),
          targets: targets.subarray(from, to),
        })
      }
      return trainer.meanGradient()
    }
    expect(relativeError(accumulated([0, third, 3 * third]), accumulated([0]))).toBeLessThan(1e-5)
  })
}

test('a gradient that is not finite leaves the state as it is', () => {
  const { ops, arena } = MACHINES[1]![1]()
  const state = gradientState(Float32Array.of(1, 2))
  const bad = Float32Array.of(0, Number.NaN)
  const result = outerAdamW(ops, arena, PAIR_LAYOUT, state, bad, TINY.hyper, 0.1)
  expect(result).toEqual({ outcome: { status: 'non-finite', where: 'gradient' }, state })
})

test('an update of another length is a bug and throws', () => {
  const { ops, arena } = MACHINES[1]![1]()
  const short = new Float32Array(1)
  const two = Float32Array.of(1, 2)
  expect(() => outerNesterov(deltaState(two), short, OUTER)).toThrow(ShapeError)
  const step = () => outerAdamW(ops, arena, PAIR_LAYOUT, gradientState(two), short, TINY.hyper, 1)
  expect(step).toThrow(ShapeError)
})

test('publishing in int4 brings the adapter within a step of theta, for any theta', () => {
  const { ops, arena } = MACHINES[1]![1]()
  const values = fc.float32Array({ min: -100, max: 100, noNaN: true, minLength: 2, maxLength: 70 })
  fc.assert(
    fc.property(values, (theta) => {
      const state = { ...deltaState(new Float32Array(theta.length)), theta }
      const { adapter } = publishAdapter(ops, arena, state, 'int4').state
      const max = theta.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      for (const [i, value] of theta.entries()) {
        expect(Math.abs(adapter[i]! - value)).toBeLessThanOrEqual(decodedMax('int4', max) / 13.9)
      }
    }),
  )
})
