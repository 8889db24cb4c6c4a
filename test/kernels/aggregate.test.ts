/** The laws of a mean of deltas, and the bounds on what one contribution can do to it. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AggregationRule, deltaMax, openMean } from '../../kernels/aggregate.ts'
import { type Codec, decode, encode } from '../../kernels/compress.ts'
import { ShapeError } from '../../kernels/shape.ts'
import { aggregate, type Contribution } from './aggregate-all.ts'
import { MACHINES, randomFloats, sha256 } from './jobs.ts'

const COUNT = 150
const PLAIN: AggregationRule = {
  weightCap: Number.POSITIVE_INFINITY,
  normClip: Number.POSITIVE_INFINITY,
}
const DEFAULT: AggregationRule = { weightCap: 3, normClip: 2 }
const { ops, arena } = MACHINES[1]![1]()

function contribution(
  delta: Float32Array,
  { codec = 'float32', ...rest }: Partial<Contribution> = {},
): Contribution {
  const bytes = encode(ops, arena, codec, delta)
  return { codec, bytes, weight: 1, steps: 1, deltaMax: Number.POSITIVE_INFINITY, ...rest }
}

function run(contributions: Contribution[], rule: AggregationRule = PLAIN, count = COUNT) {
  const top = arena.top
  const result = aggregate(ops, arena, count, contributions, rule)
  expect(arena.top).toBe(top)
  return result
}

/** Deltas that hold one number each, so that norms and means are easy to see. */
function scalars(
  parts: [value: number, options?: Partial<Contribution>][],
  rule: AggregationRule,
): ReturnType<typeof run> {
  const contributions = parts.map(([value, options]) =>
    contribution(Float32Array.of(value), options),
  )
  return run(contributions, rule, 1)
}

const deltas = [1, 2, 3].map((seed) => randomFloats(COUNT, 0.01, seed))

for (const codec of ['float32', 'int8', 'int4'] as Codec[]) {
  test(`one contribution in ${codec} is itself, whatever its weight`, () => {
    for (const weight of [1, 3, 0.1, 48_611]) {
      const one = contribution(deltas[0]!, { codec, weight, steps: 7 })
      const alone = run([contribution(deltas[0]!, { codec })])
      expect(run([one], DEFAULT).mean).toEqual(alone.mean)
      if (codec === 'float32') expect(alone.mean).toEqual(deltas[0])
    }
  })
}

test('the mean is weighted by tokens', () => {
  const { mean } = run([
    contribution(deltas[0]!, { weight: 1 }),
    contribution(deltas[1]!, { weight: 2 }),
    contribution(deltas[2]!, { weight: 5 }),
  ])
  const [a, b, c] = deltas as [Float32Array, Float32Array, Float32Array]
  expect(mean).toEqual(
    Float32Array.from(a, (x, i) => (((x + 2 * b[i]!) as number) + 5 * c[i]!) * (1 / 8)),
  )
})

test('weights count relative to each other: times a power of two, every bit stays', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 3, maxLength: 3 })
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 8 }), (tokens, power) => {
      const mean = (factor: number) =>
        run(
          deltas.map((delta, i) => contribution(delta, { weight: factor * tokens[i]! })),
          DEFAULT,
        ).mean
      expect(mean(2 ** power)).toEqual(mean(1))
    }),
  )
})

test('both implementations give the same bits', () => {
  const [one, other] = MACHINES.map(([, create]) => {
    const machine = create()
    const contributions = deltas.map((delta, i) => ({
      ...contribution(delta, { codec: 'int4', weight: 100 + i, steps: 4 }),
    }))
    return aggregate(machine.ops, machine.arena, COUNT, contributions, DEFAULT)
  })
  expect(other).toEqual(one)
})

test('the order given is the order of the sum', () => {
  // 1e8 swallows 1 in float32, but not in the float64 sum: any order of these is the same.
  const values: [number, object][] = [
    [1e8, {}],
    [1, {}],
    [-1e8, {}],
  ]
  for (const order of [values, values.toReversed()]) {
    expect(scalars(order, PLAIN).mean).toEqual(Float32Array.of(1 / 3))
  }
  // Beyond float64's 53 bits order shows, so it has to be agreed.
  const huge: [number, object][] = [
    [1e20, {}],
    [1, {}],
    [-1e20, {}],
  ]
  const [there, back] = [huge, [huge[0]!, huge[2]!, huge[1]!]].map((v) => scalars(v, PLAIN).mean)
  expect(sha256(new Uint8Array(there!.buffer))).not.toBe(sha256(new Uint8Array(back!.buffer)))
})

test('a weight is capped at three times the median weight', () => {
  const { judgements } = scalars(
    [
      [1, { weight: 100 }],
      [1, { weight: 120 }],
      [4, { weight: 100_000 }],
    ],
    { ...PLAIN, weightCap: 3 },
  )
  expect(judgements.map((one) => one.status === 'counted' && one.weight)).toEqual([100, 120, 360])
})

for (const [what, parts, factors] of [
  ['equal norms', [[1], [-1], [1]], [1, 1, 1]],
  ['one of ten times the norm', [[1], [1], [10]], [1, 1, 0.2]],
  ['one of exactly twice the norm', [[1], [1], [-2]], [1, 1, 1]],
  ['more steps may move further, by their root', [[1], [1], [4, { steps: 4 }]], [1, 1, 1]],
  ['but not more than that', [[1], [1], [8, { steps: 4 }]], [1, 1, 0.5]],
  ['zeros do not lower the bar', [[0], [0], [0], [1], [1]], [1, 1, 1, 1, 1]],
  ['all zeros', [[0], [0]], [1, 1]],
] as [string, [number, Partial<Contribution>?][], number[]][]) {
  test(`norms are clipped to twice the median per root of steps: ${what}`, () => {
    const result = scalars(parts, { ...PLAIN, normClip: 2 })
    expect(result.judgements.map((one) => one.status === 'counted' && one.clipFactor)).toEqual(
      factors,
    )
    const expected = parts.reduce((sum, [value], i) => sum + value * factors[i]!, 0) / parts.length
    expect(result.mean![0]).toBeCloseTo(expected, 6)
  })
}

for (const [what, bad, reason] of [
  [
    'beyond its bound',
    contribution(Float32Array.of(0.5), { deltaMax: 0.49 }),
    'a scalar is 0.5, beyond 0.49',
  ],
  [
    'truncated',
    { ...contribution(Float32Array.of(1)), bytes: new Uint8Array(3) },
    '4 bytes: got 3',
  ],
  [
    'not finite',
    { ...contribution(Float32Array.of(1)), bytes: Uint8Array.of(0, 0, 0xc0, 0x7f) },
    'not finite',
  ],
  [
    'of an infinite scale',
    { ...contribution(Float32Array.of(1), { codec: 'int8' }), bytes: Uint8Array.of(0, 0x7c, 1) },
    'scale of block 0',
  ],
] as [string, Contribution, string][]) {
  test(`a contribution ${what} is rejected by its place, the others count`, () => {
    const good = contribution(Float32Array.of(0.25))
    const { mean, judgements } = run([good, bad, good], DEFAULT, 1)
    expect(judgements.map(({ status }) => status)).toEqual(['counted', 'rejected', 'counted'])
    expect(judgements[1]).toMatchObject({ reason: expect.stringContaining(reason) })
    expect(mean).toEqual(Float32Array.of(0.25))
    expect(run([bad], DEFAULT, 1).mean).toBe(null)
  })
}

test('nothing in, nothing out', () => {
  expect(run([])).toEqual({ mean: null, judgements: [] })
})

test('deltas longer than what is added at once may come in any parts, bit for bit', () => {
  const count = 40_001
  const long = [4, 5, 6].map((seed) => randomFloats(count, 0.01, seed))
  const parts = long.map((delta, i) => ({
    bytes: encode(ops, arena, 'int4', delta),
    factor: (100 + i) * (1 - i / 8),
  }))
  const total = 100 + 101 + 102
  const meanOf = (cuts: (typeof parts)[]): Float32Array | null => {
    const mean = openMean(ops, arena, 'int4', count)
    for (const cut of cuts) mean.add(cut)
    return mean.close(total)
  }
  const whole = meanOf([parts])
  expect(meanOf([parts.slice(0, 1), [], parts.slice(1)])).toEqual(whole)
  const decoded = parts.map(({ bytes }) => decode(ops, arena, 'int4', bytes, count))
  const values = decoded.map((result) => (result.status === 'ok' ? result.values : null)!)
  const expected = Float32Array.from(
    { length: count },
    (_, i) => values.reduce((sum, x, k) => sum + parts[k]!.factor * x[i]!, 0) * (1 / total),
  )
  expect(whole).toEqual(expected)
})

test('one attacker among four moves the mean by at most twice its share', () => {
  const honest = [1, 2, 3].map(() => contribution(Float32Array.of(1)))
  const value = fc.float({ noNaN: true, noDefaultInfinity: true })
  fc.assert(
    fc.property(value, fc.integer({ min: 1, max: 1_000_000 }), (attack, weight) => {
      const attacker = contribution(Float32Array.of(attack), { weight })
      const mean = run([...honest, attacker], DEFAULT, 1).mean![0]!
      expect(Math.abs(mean - 1)).toBeLessThanOrEqual(((2 + 1) * 3) / 6 + 1e-6)
    }),
  )
})

test('an honest delta at its bound passes it in every codec', () => {
  for (const codec of ['float32', 'int8', 'int4'] as Codec[]) {
    for (const learningRateSum of [1e-6, 1e-4, 0.008, 0.3]) {
      const limits = { adapterMax: 0.5, steps: 8, ratioMax: 2, weightDecay: 0, codec }
      const max = deltaMax({ ...limits, learningRateSum })
      const delta = randomFloats(COUNT, 2 * learningRateSum, 9)
      delta[3] = 2 * learningRateSum
      const honest = run([contribution(delta, { codec, deltaMax: max })])
      expect(honest.judgements[0]!.status).toBe('counted')
      const liar = contribution(
        delta.map((x) => 1.2 * x + 2e-5),
        { codec, deltaMax: max },
      )
      expect(run([liar]).judgements[0]!.status).toBe('rejected')
    }
  }
})

for (const bad of [{ weight: 0 }, { weight: Number.NaN }, { steps: 0 }, { steps: -1 }]) {
  test(`${JSON.stringify(bad)} is a bug and throws`, () => {
    expect(() => run([contribution(deltas[0]!, bad)])).toThrow(ShapeError)
  })
}
