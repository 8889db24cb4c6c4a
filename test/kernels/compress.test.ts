/** The codecs as bytes: sizes, layout, round trips, and what is malformed. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Codec, decode, decodedMax, encode, encodedBytes } from '../../kernels/compress.ts'
import { ShapeError } from '../../kernels/shape.ts'
import { MACHINES, randomFloats } from './jobs.ts'

const CODECS = ['float32', 'int8', 'int4'] as const
const LEVELS = { float32: Number.POSITIVE_INFINITY, int8: 127, int4: 7 } as const
const COUNTS = [1, 2, 63, 64, 65, 129, 1000]

for (const [codec, count, bytes] of [
  ['float32', 65, 260],
  ['int8', 64, 2 + 64],
  ['int8', 65, 4 + 65],
  ['int4', 64, 2 + 32],
  ['int4', 65, 4 + 33],
  ['int4', 2_442_240, (4.25 * 2_442_240) / 8],
] as const) {
  test(`${count} scalars in ${codec} are ${bytes} bytes`, () => {
    expect(encodedBytes(codec, count)).toBe(bytes)
  })
}

test('int4 by hand: scales first, then nibbles from the low one', () => {
  const { ops, arena } = MACHINES[0]![1]()
  const values = new Float32Array(66)
  values.set([7, -7, 3.4, 0.5, 1.5])
  values.set([-0.875, 0.125], 64)
  const bytes = encode(ops, arena, 'int4', values)
  // Scale 1 is 0x3c00 as float16, scale 1/8 is 0x3000; halves round to even.
  expect([...bytes.subarray(0, 4)]).toEqual([0x00, 0x3c, 0x00, 0x30])
  expect([...bytes.subarray(4, 8)]).toEqual([0x97, 0x03, 0x02, 0])
  expect(bytes.at(-1)).toBe(0x19)
})

for (const codec of ['int8', 'int4'] as const) {
  test(`${codec} is decoded where the memory has to grow for its codes`, () => {
    const { ops, arena } = MACHINES[1]![1]()
    const bytes = encode(ops, arena, codec, randomFloats(1000, 1, 3))
    const expected = decode(ops, arena, codec, bytes, 1000)
    arena.allocate('all that there is', ops.memory.buffer.byteLength - arena.top - 4096)
    expect(decode(ops, arena, codec, bytes, 1000)).toEqual(expected)
  })
}

for (const [machine, create] of MACHINES) {
  const { ops, arena } = create()
  const roundTrip = (codec: Codec, values: Float32Array) => {
    const top = arena.top
    const bytes = encode(ops, arena, codec, values)
    expect(bytes.length).toBe(encodedBytes(codec, values.length))
    const decoded = decode(ops, arena, codec, bytes, values.length)
    expect(arena.top).toBe(top)
    if (decoded.status === 'malformed') throw new Error(decoded.reason)
    return { bytes, values: decoded.values }
  }

  test(`${machine}: float32 comes back as it was`, () => {
    const values = fc.float32Array({ noNaN: true, noDefaultInfinity: true, minLength: 1 })
    fc.assert(
      fc.property(values, (x) => {
        expect(roundTrip('float32', x).values).toEqual(x)
      }),
    )
  })

  for (const codec of ['int8', 'int4'] as const) {
    test(`${machine}: ${codec} is off by at most half a step of its block`, () => {
      for (const count of COUNTS) {
        const x = randomFloats(count, 10 ** -((count % 5) as number), count)
        const { values } = roundTrip(codec, x)
        for (const [i, value] of x.entries()) {
          const block = x.subarray(i - (i % 64), i - (i % 64) + 64)
          const max = block.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
          const scale = decodedMax(codec, max) / LEVELS[codec]
          expect(Math.abs(values[i]! - value)).toBeLessThanOrEqual(scale * 0.5001)
          expect(Math.abs(values[i]!)).toBeLessThanOrEqual(decodedMax(codec, max))
        }
      }
    })
  }

  for (const codec of CODECS) {
    test(`${machine}: zeros in ${codec} are zero bytes`, () => {
      const { bytes, values } = roundTrip(codec, new Float32Array(100))
      expect(bytes.every((byte) => byte === 0)).toBe(true)
      expect(values).toEqual(new Float32Array(100))
    })

    test(`${machine}: ${codec} refuses to encode what is not finite`, () => {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => encode(ops, arena, codec, Float32Array.of(1, bad))).toThrow(ShapeError)
      }
    })

    test(`${machine}: ${codec} of another length is malformed`, () => {
      const { bytes } = roundTrip(codec, randomFloats(70, 1, 1))
      for (const wrong of [bytes.subarray(1), bytes.subarray(0, 0), Uint8Array.of(...bytes, 0)]) {
        expect(decode(ops, arena, codec, wrong, 70)).toMatchObject({ status: 'malformed' })
      }
      const expected = encodedBytes(codec, 71)
      const reason = `${codec} of 71 scalars is ${expected} bytes: got ${bytes.length}`
      expect(decode(ops, arena, codec, bytes, 71)).toEqual({ status: 'malformed', reason })
    })
  }

  test(`${machine}: whatever bytes decode to finite numbers or are malformed`, () => {
    const codecs = fc.constantFrom(...CODECS)
    const counts = fc.integer({ min: 1, max: 200 })
    const property = fc.property(
      codecs,
      counts,
      fc.infiniteStream(fc.nat(255)),
      (codec, n, stream) => {
        const bytes = Uint8Array.from(stream.take(encodedBytes(codec, n)))
        const decoded = decode(ops, arena, codec, bytes, n)
        if (decoded.status === 'ok') expect(decoded.values.every(Number.isFinite)).toBe(true)
      },
    )
    fc.assert(property)
  })
}

/** One byte of a good encoding of 65 scalars is changed. */
for (const [codec, at, byte, reason] of [
  ['float32', 3, 0x7f, 'a value is not finite'],
  ['int8', 1, 0x7c, 'the scale of block 0 is negative or not finite'],
  ['int8', 3, 0x7e, 'the scale of block 1 is negative or not finite'],
  ['int8', 3, 0x80, 'the scale of block 1 is negative or not finite'],
  ['int8', 10, 0x80, 'a code is -128'],
  ['int4', 1, 0xbc, 'the scale of block 0 is negative or not finite'],
  ['int4', 4, 0x08, 'a code is -8'],
  ['int4', 4, 0x80, 'a code is -8'],
  ['int4', 36, 0x10, 'the spare half of the last byte is not zero'],
] as const) {
  test(`${codec} with byte ${at} = 0x${byte.toString(16)} is malformed: ${reason}`, () => {
    const { ops, arena } = MACHINES[1]![1]()
    const bytes = encode(ops, arena, codec, new Float32Array(65).fill(1))
    if (codec === 'float32') bytes[2] = 0xff
    bytes[at] = byte
    expect(decode(ops, arena, codec, bytes, 65)).toEqual({ status: 'malformed', reason })
  })
}
