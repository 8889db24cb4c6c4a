import { expect, test } from 'vitest'
import { type Dtype, scalarBytes, toFloat32 } from '../../node/model/dtypes.ts'
import { expectModelError } from './fixtures.ts'

/** Every pattern of 16 bits, little-endian. */
const EVERY_HALF = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits)

/** The value of a binary float from its definition, IEEE 754-2019 §3.4. */
function valueOfBits(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >>> (exponentBits + fractionBits) === 1 ? -1 : 1
  const exponentMax = 2 ** exponentBits - 1
  const exponent = (bits >>> fractionBits) & exponentMax
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits
  const bias = (exponentMax - 1) / 2
  if (exponent === exponentMax) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias)
  return sign * (1 + fraction) * 2 ** (exponent - bias)
}

for (const [dtype, exponentBits, fractionBits] of [
  ['F16', 5, 10],
  ['BF16', 8, 7],
] as const)
  test(`every ${dtype} becomes the float32 of the same value`, () => {
    const widened = toFloat32(dtype, new Uint8Array(EVERY_HALF.buffer), 'all')
    const expected = Array.from(EVERY_HALF, (bits) => valueOfBits(bits, exponentBits, fractionBits))
    expect(widened.length).toBe(expected.length)
    const wrong = expected.flatMap((value, bits) => (Object.is(widened[bits], value) ? [] : [bits]))
    expect(wrong).toEqual([])
  })

test('F32 keeps its bits, from any byte of a file', () => {
  const values = Float32Array.of(0, -0, 1.5, 1e-42, -3e38)
  const file = new Uint8Array(1 + values.byteLength)
  file.set(new Uint8Array(values.buffer), 1)
  expect(toFloat32('F32', file.subarray(1), 'shifted')).toEqual(values)
})

test('the result is a copy', () => {
  const bytes = new Uint8Array(4)
  toFloat32('F32', bytes, 'zero')[0] = 1
  expect([...bytes]).toEqual([0, 0, 0, 0])
})

for (const dtype of ['F64', 'I64', 'U8', 'BOOL', 'F8_E4M3'] as Dtype[])
  test(`${dtype} is listed, but refused by name when its values are wanted`, () =>
    expectModelError(
      () => toFloat32(dtype, new Uint8Array(scalarBytes(dtype)), "'x'"),
      'unsupported',
      ["'x'", dtype],
    ))
