import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AdapterLayout, adapterLayout } from '../../kernels/lora.ts'
import { expandMoment, factorMoment, momentBytes } from '../../kernels/moments.ts'
import { ShapeError } from '../../kernels/shape.ts'
import { mergeMoments } from './aggregate-all.ts'
import { randomFloats, TINY, TINY_LAYOUT } from './jobs.ts'

/** One tensor of one scalar: its row sum, column sum and value are all the same number. */
const SCALAR: AdapterLayout = {
  count: 1,
  tensors: [{ layer: 0, target: 'q', part: 'A', rows: 1, columns: 1, offset: 0, scale: 1 }],
}

function codeOf(value: number): number {
  const [row, column] = factorMoment(SCALAR, Float32Array.of(value))
  expect(column).toBe(row)
  return row!
}

function sumOf(code: number): number {
  return expandMoment(SCALAR, Uint8Array.of(code, code))[0]!
}

for (const [value, code, why] of [
  [0, 0, 'zero is zero'],
  [2 ** -56, 1, 'the smallest step'],
  [2 ** -56 * 1.25, 2, 'four steps an octave'],
  [2 ** -55, 5, 'an octave is four codes'],
  [1, 225, 'one'],
  [1.1, 225, 'to the nearest step below'],
  [1.125, 226, 'ties go up'],
  [1.9, 229, 'up across the octave'],
  [192, 255, 'the largest step'],
  [1e30, 255, 'what is larger saturates'],
  [1e-30, 1, 'what is smaller is not zero'],
  [1e-45, 1, 'a denormal is not zero'],
] as const) {
  test(`the code of ${value} is ${code}: ${why}`, () => expect(codeOf(value)).toBe(code))
}

test('every code is the code of its own value, and values grow with codes', () => {
  for (let code = 0; code < 256; code++) {
    expect(codeOf(sumOf(code))).toBe(code)
    if (code > 0) expect(sumOf(code)).toBeGreaterThan(sumOf(code - 1))
  }
})

test('a value moves by at most an eighth on its way through a code', () => {
  const value = fc.double({ min: 2 ** -56, max: 192, noNaN: true })
  fc.assert(
    fc.property(value, (v) => {
      expect(Math.abs(sumOf(codeOf(v)) - v)).toBeLessThanOrEqual(v * 0.1251)
    }),
  )
})

test('codes are the rows, then the columns of each tensor', () => {
  const layout = adapterLayout(
    { ...TINY.model, layerCount: 1 },
    { ...TINY.adapter, targets: ['q'] },
  )
  const v = new Float32Array(layout.count)
  // A is (2,12) with ones in row 0; B is (16,2) with twos in column 1.
  v.fill(1, 0, 12)
  for (let row = 0; row < 16; row++) v[24 + 2 * row + 1] = 2
  const one = codeOf(1)
  const expected = [
    codeOf(12),
    0,
    ...Array(12).fill(one),
    ...Array(16).fill(codeOf(2)),
    0,
    codeOf(32),
  ]
  expect([...factorMoment(layout, v)]).toEqual(expected)
})

test('a product of row and column comes back within the rounding of three codes', () => {
  const v = new Float32Array(TINY_LAYOUT.count)
  for (const { rows, columns, offset } of TINY_LAYOUT.tensors) {
    const row = randomFloats(rows, 1, offset).map((x) => 1.1 + x)
    const column = randomFloats(columns, 1, offset + 1).map((x) => 1.1 + x)
    for (let i = 0; i < rows * columns; i++) {
      v[offset + i] = 1e-8 * row[Math.floor(i / columns)]! * column[i % columns]!
    }
  }
  const back = expandMoment(TINY_LAYOUT, factorMoment(TINY_LAYOUT, v))
  const ratios = back.map((value, i) => value / v[i]!)
  expect(Math.max(...ratios)).toBeLessThan(1.125 ** 3)
  expect(Math.min(...ratios)).toBeGreaterThan(0.875 ** 3)
})

test('a tensor that never moved has no moment', () => {
  const { length } = factorMoment(TINY_LAYOUT, new Float32Array(TINY_LAYOUT.count))
  expect(length).toBe(momentBytes(TINY_LAYOUT))
  const expanded = expandMoment(TINY_LAYOUT, new Uint8Array(length))
  expect(expanded).toEqual(new Float32Array(TINY_LAYOUT.count))
})

/** One coordinate; 1 has code 225, an octave is four codes. */
for (const [previous, received, merged, why] of [
  [null, [225], 225, 'one volunteer: itself'],
  [null, [225, 225, 1], 225, 'the median of three'],
  [null, [255, 225, 0], 225, 'forged extremes do not move it'],
  [null, [225, 229], 227, 'of two, the mean of the values 1 and 2: 1.5'],
  [null, [1, 100, 225, 229], codeOf((sumOf(100) + 1) / 2), 'of four, the mean of the middle two'],
  [225, [225], 225, 'nothing new'],
  [225, [229], 227, 'half of the way from 1 to 2'],
  [225, [233], 229, 'half of the way from 1 to 4 is 2.5, at most 2'],
  [225, [255, 255, 255], 229, 'at most doubled'],
  [225, [1, 1, 1], 221, 'at most halved'],
  [225, [0, 0, 0], 221, 'halved, not forgotten'],
  [0, [225], 225, 'a coordinate without a past takes the median'],
  [225, [], 225, 'nothing received'],
] as [number | null, number[], number, string][]) {
  test(`previous ${previous} and ${received} merge to ${merged}: ${why}`, () => {
    const codes = mergeMoments(
      previous === null ? null : Uint8Array.of(previous),
      received.map((code) => Uint8Array.of(code)),
    )
    expect(codes).toEqual(Uint8Array.of(merged))
  })
}

test('nothing received and nothing before is nothing', () => {
  expect(mergeMoments(null, [])).toBe(null)
})

test('the order of the received moments does not matter, nor do they change', () => {
  const codes = fc.uint8Array({ minLength: 4, maxLength: 4 })
  fc.assert(
    fc.property(fc.array(codes, { minLength: 1, maxLength: 5 }), codes, (received, previous) => {
      const copies = received.map((array) => array.slice())
      const merged = mergeMoments(previous, received)
      expect(mergeMoments(previous, received.toReversed())).toEqual(merged)
      expect(received).toEqual(copies)
    }),
  )
})

test('a minority of forged moments cannot move a coordinate beyond the honest ones', () => {
  const honest = fc.array(fc.integer({ min: 150, max: 200 }), { minLength: 3, maxLength: 3 })
  const forged = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 2 })
  fc.assert(
    fc.property(honest, forged, (good, bad) => {
      const merged = mergeMoments(
        null,
        [...bad, ...good].map((code) => Uint8Array.of(code)),
      )![0]!
      expect(merged).toBeGreaterThanOrEqual(Math.min(...good))
      expect(merged).toBeLessThanOrEqual(Math.max(...good))
    }),
  )
})

test('lengths that differ are a bug and throw', () => {
  expect(() => factorMoment(TINY_LAYOUT, new Float32Array(3))).toThrow(ShapeError)
  expect(() => expandMoment(TINY_LAYOUT, new Uint8Array(3))).toThrow(ShapeError)
  expect(() => mergeMoments(new Uint8Array(3), [new Uint8Array(2)])).toThrow(ShapeError)
  expect(() => mergeMoments(null, [new Uint8Array(3), new Uint8Array(2)])).toThrow(ShapeError)
})
