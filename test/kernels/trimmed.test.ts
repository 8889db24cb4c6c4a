/** The trimmed mean of encoded deltas: what is left out, and on what it does not depend. */
import { expect, test } from 'vitest'
import { type Codec, encode } from '../../kernels/compress.ts'
import type { Row } from '../../kernels/row.ts'
import { openTrimmed, trimOf } from '../../kernels/trimmed.ts'
import { MACHINES, randomFloats } from './jobs.ts'

const { ops, arena } = MACHINES[1]![1]()

interface Given extends Omit<Row, 'isSummed'> {
  values: Float32Array
}

const given = (value: number, weight = 1): Given => {
  return { values: Float32Array.of(value), weight, clip: 1 }
}

function trimmed(
  contributions: readonly Given[],
  codec: Codec = 'float32',
  heldBytesMax?: number,
): { mean: Float32Array | null; passes: number } {
  const count = contributions[0]?.values.length ?? 1
  const rows = contributions.map(({ weight, clip }) => ({ weight, clip, isSummed: true }))
  const sum = openTrimmed(ops, arena, { codec, count }, rows, heldBytesMax)
  const encoded = contributions.map(({ values }) => encode(ops, arena, codec, values))
  for (let pass = 0; pass < sum.passes; pass++) {
    for (const bytes of encoded) sum.add([bytes])
  }
  return { mean: sum.close(), passes: sum.passes }
}

for (const [what, contributions, expected] of [
  ['one is itself', [given(5)], 5],
  ['two: their mean', [given(1), given(3)], 2],
  ['two, one of three times the weight: the heavier', [given(1), given(5, 3)], 5],
  ['three: the one in the middle', [given(-100), given(2), given(3)], 2],
  ['four: the mean of two', [given(1e9), given(2), given(3), given(-1e9)], 2.5],
  ['nine: the mean of seven', [-1e9, 1, 2, 3, 4, 5, 6, 7, 1e9].map((value) => given(value)), 4],
  [
    'twenty: the mean of sixteen',
    [-9, -9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 99, 99].map((value) =>
      given(value),
    ),
    8.5,
  ],
  ['one that is cut through counts with the rest', [...ones(14), given(50, 2)], 1],
  ['zero is zero, whatever its sign', [given(-0), given(0), given(-0)], 0],
] as const) {
  test(`${what}`, () => expect(trimmed(contributions).mean).toEqual(Float32Array.of(expected)))
}

function ones(count: number): Given[] {
  return Array.from({ length: count }, () => given(1))
}

test('nothing in, nothing out', () => {
  expect(trimmed([]).mean).toBe(null)
})

for (const [weights, trim] of [
  [[1], 1 / 3],
  [[1, 1], 2 / 3],
  [[1, 1, 1, 1], 1],
  [Array(10).fill(1), 1],
  [Array(40).fill(1), 4],
  [[...Array(40).fill(1), 6], 6],
] as const) {
  const heaviest = Math.max(...weights)
  test(`of ${weights.length} that weigh up to ${heaviest} a weight of ${trim} goes`, () => {
    expect(trimOf(weights)).toBeCloseTo(trim, 12)
  })
}

const COUNT = 64 * 9 + 5
const CROWD = Array.from({ length: 130 }, (_, i): Given => {
  return {
    values: randomFloats(COUNT, 0.01, i),
    weight: 100 + (i % 7),
    clip: i % 5 === 0 ? 0.5 : 1,
  }
})

for (const codec of ['float32', 'int8', 'int4'] as const) {
  test(`${codec}: the same bits in any order, and in as many passes as memory asks for`, () => {
    for (const some of [CROWD.slice(0, 12), CROWD]) {
      const whole = trimmed(some, codec)
      expect(whole.passes).toBe(1)
      expect(trimmed(some.toReversed(), codec).mean).toEqual(whole.mean)
      const shuffled = [...some.slice(5), ...some.slice(0, 5)]
      const inParts = trimmed(shuffled, codec, 100 * some.length)
      expect(inParts.passes).toBeGreaterThan(4)
      expect(inParts.mean).toEqual(whole.mean)
    }
  })
}

test('who holds less than a tenth moves nothing beyond what honest ones say', () => {
  const honest = CROWD.slice(0, 91)
  const liars = CROWD.slice(91, 100).map((each): Given => {
    return { ...each, values: each.values.map(() => 1e6) }
  })
  const { mean } = trimmed([...honest, ...liars])
  const most = (i: number) => Math.max(...honest.map(({ values, clip }) => values[i]! * clip))
  expect(mean!.every((value, i) => value <= most(i))).toBe(true)
  expect(Math.max(...mean!)).toBeLessThan(0.01)
})
