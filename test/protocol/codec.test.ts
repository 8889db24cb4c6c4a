/** Values and bytes: canonical, bounded, and nothing but plain data comes out. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decode, encode } from '../../protocol/codec.ts'
import { bytesToHex, hexToBytes } from '../../protocol/digest.ts'
import { ProtocolError } from '../../protocol/errors.ts'
import { MESSAGE_BYTES_MAX } from '../../protocol/limits.ts'
import { pack } from '../vectors/message-pack.ts'

const plainValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noDefaultInfinity: true, noNaN: true }).map((number) => number || 0),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9]{0,40}$/), tie('value'), {
      maxKeys: 20,
      noNullPrototype: true,
    }),
  ),
})).value

test('lists, maps, texts and bytes of every length come back', () => {
  for (const length of [0, 15, 16, 17, 31, 32, 255, 256, 257, 65_535, 65_536]) {
    const list = new Array<null>(length).fill(null)
    const map = Object.fromEntries(list.map((item, index) => [`k${index}`, item]))
    for (const value of [list, map, 'a'.repeat(length), new Uint8Array(length)]) {
      expect(decode(encode(value), 2 ** 24), `${length}`).toEqual(value)
    }
  }
})

test('the bytes are those of an encoder written from the specification', () => {
  fc.assert(
    fc.property(plainValue, (value) => {
      expect(bytesToHex(encode(value))).toBe(Buffer.from(pack(value)).toString('hex'))
    }),
    { numRuns: 300 },
  )
})

test('what is encoded comes back', () => {
  fc.assert(
    fc.property(plainValue, (value) => {
      expect(decode(encode(value), 2 ** 24)).toEqual(value)
    }),
    { numRuns: 300 },
  )
})

for (const [what, a, b] of [
  ['the order of keys', { b: 1, a: { d: 2, c: 3 } }, { a: { c: 3, d: 2 }, b: 1 }],
  ['a field that is undefined', { a: 1, b: undefined }, { a: 1 }],
  ['the sign of zero', [-0], [0]],
  ['the kind of byte array', Buffer.from([1, 2]), Uint8Array.of(1, 2)],
] as const) {
  test(`${what} makes no difference`, () => expect(encode(a)).toEqual(encode(b)))
}

for (const [what, value] of [
  ['NaN', Number.NaN],
  ['infinity', [Number.POSITIVE_INFINITY]],
  ['undefined', undefined],
  ['a hole', [undefined]],
  ['a bigint', 1n],
  ['a date', new Date(0)],
  ['a map', new Map()],
  ['a typed array of floats', new Float32Array(1)],
  ['a key that looks like a number', { 1: 1 }],
  ['a key that is no name', { 'a b': 1 }],
  ['ten levels', [[[[[[[[[[]]]]]]]]]]],
  ['half of a surrogate pair', 'a\ud800'],
] as [string, unknown][]) {
  test(`${what} has no canonical form`, () => expect(() => encode(value)).toThrow())
}

for (const [what, hex] of [
  ['a number longer than it needs to be', 'cc01'],
  ['a list longer than it needs to be', 'dc000101'],
  ['a map longer than it needs to be', 'de0001a16101'],
  ['a text longer than it needs to be', 'd90161'],
  ['keys out of order', '82a16201a16101'],
  ['a key twice', '82a16101a16102'],
  ['a key that is a number', '810102'],
  ['a float for a whole number', 'cb3ff0000000000000'],
  ['a float32', 'ca3f800000'],
  ['a 64-bit integer', 'cf0000000000000001'],
  ['a date', 'd6ff00000000'],
  ['an unknown extension', 'd40100'],
  ['a record', 'd472409101'],
  ['minus zero', 'cb8000000000000000'],
  ['text that is not UTF-8', 'a2ff00'],
  ['a text with half of a surrogate pair', 'a3eda080'],
  ['a text with a slash in two bytes', 'a2c0af'],
  ['a key that is no name', '81a361206201'],
  ['a key without letters', '81a001'],
  ['a key that begins with a digit', '81a2316101'],
  ['a key longer than it needs to be', '81d9016101'],
  ['the key __proto__', `81a9${Buffer.from('__proto__').toString('hex')}80`],
  ['bytes longer than they need to be', 'c5000101'],
  ['a small negative number in 8 bits', 'd0e0'],
  ['a negative number of 8 bits in 16', 'd1ff80'],
  ['a negative number of 16 bits in 32', 'd2ffff8000'],
  ['a positive number among the negative', 'd001'],
  ['a float beyond all', 'cb7ff0000000000000'],
  ['a float that is no number', 'cb7ff8000000000000'],
  ['a list of ten levels', `${'91'.repeat(9)}90`],
  ['maps of ten levels', `${'81a161'.repeat(9)}80`],
  ['undefined', 'd40000'],
  ['the one byte that means nothing', 'c1'],
] as const) {
  test(`${what} is not canonical`, () => {
    expect(() => decode(hexToBytes(hex))).toThrow(ProtocolError)
  })
}

for (const [what, hex] of [
  ['nothing', ''],
  ['half a number', 'cd01'],
  ['a text that ends early', 'a561'],
  ['bytes that end early', 'c4ff00'],
  ['a list of four thousand million', 'ddffffffff'],
  ['a map of four thousand million', 'dfffffffff'],
  ['bytes of four thousand million', 'c6ffffffff'],
  ['lists in lists, each thirty million long', 'dd01ffffff'.repeat(50)],
  ['something after the end', '0101'],
  ['lists in lists without end', '91'.repeat(MESSAGE_BYTES_MAX)],
] as const) {
  test(`${what} is malformed`, () => {
    const before = process.memoryUsage().rss
    expect(() => decode(hexToBytes(hex))).toThrow(ProtocolError)
    expect(process.memoryUsage().rss - before, 'memory').toBeLessThan(2 ** 27)
  })
}

test('too many bytes are refused before they are read', () => {
  const oversized = new Uint8Array(MESSAGE_BYTES_MAX + 1)
  expect(() => decode(oversized)).toThrow(/at most 65536 bytes: current value is 65537/)
  expect(decode(encode(new Uint8Array(10)), 12)).toEqual(new Uint8Array(10))
  expect(() => decode(encode(new Uint8Array(10)), 11)).toThrow(ProtocolError)
})

test('decoding leaves its input as it was', () => {
  const bytes = encode({ a: 1.5 })
  decode(bytes)
  expect(Reflect.ownKeys(bytes)).toHaveLength(bytes.length)
})

test('any bytes at all are a ProtocolError, or the only bytes of what they say', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        expect(encode(decode(bytes))).toEqual(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError)
      }
    }),
    { numRuns: 2000 },
  )
})
