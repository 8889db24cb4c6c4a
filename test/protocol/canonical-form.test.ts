/**
 * The canonical form at its edges: where one form of a number or a length ends and the next begins,
 * which keys are names, where a text stops being one; and what is said of bytes in another form.
 */
import { expect, test } from 'vitest'
import { checkCanonical } from '../../protocol/canonical-form.ts'
import { decode, encode } from '../../protocol/codec.ts'
import { bytesToHex, hexToBytes, utf8ToBytes } from '../../protocol/digest.ts'
import { ProtocolError } from '../../protocol/errors.ts'

for (const [value, hex] of [
  [0, '00'],
  [127, '7f'],
  [128, 'cc80'],
  [255, 'ccff'],
  [256, 'cd0100'],
  [65_535, 'cdffff'],
  [65_536, 'ce00010000'],
  [2 ** 32 - 1, 'ceffffffff'],
  [2 ** 32, 'cb41f0000000000000'],
  [-1, 'ff'],
  [-32, 'e0'],
  [-33, 'd0df'],
  [-128, 'd080'],
  [-129, 'd1ff7f'],
  [-32_768, 'd18000'],
  [-32_769, 'd2ffff7fff'],
  [-(2 ** 31), 'd280000000'],
  [-(2 ** 31) - 1, 'cbc1e0000000200000'],
  [0.5, 'cb3fe0000000000000'],
  [-0.5, 'cbbfe0000000000000'],
  ['é\t', 'a3c3a909'],
  [null, 'c0'],
  [false, 'c2'],
  [true, 'c3'],
] as const) {
  test(`${JSON.stringify(value)} is ${hex}`, () => {
    expect(bytesToHex(encode(value))).toBe(hex)
    expect(decode(hexToBytes(hex))).toBe(value)
  })
}

const many = (count: number, hex: string) => hex.repeat(count)
/** Keys k0000, k0001 and on, each with the value 0. */
const entries = (count: number) =>
  Array.from({ length: count }, (_, index) => {
    const key = utf8ToBytes(`k${`${index}`.padStart(5, '0')}`)
    return `a6${bytesToHex(key)}00`
  }).join('')

const SHORTER = 'is not in its shortest form'
for (const [what, hex, why] of [
  ['127 in 8 bits', 'cc7f', `127 ${SHORTER}`],
  ['255 in 16 bits', 'cd00ff', `255 ${SHORTER}`],
  ['65,535 in 32 bits', 'ce0000ffff', `65535 ${SHORTER}`],
  ['-32 in 8 bits', 'd0e0', `32 ${SHORTER}`],
  ['-128 in 16 bits', 'd1ff80', `128 ${SHORTER}`],
  ['-32,768 in 32 bits', 'd2ffff8000', `32768 ${SHORTER}`],
  ['2^32 - 1 as a float', 'cb41efffffffe00000', 'is no float64'],
  ['-2^31 as a float', 'cbc1e0000000000000', 'is no float64'],
  ['a text of 31 letters with its length in 8 bits', `d91f${many(31, '61')}`, `31 ${SHORTER}`],
  ['a text of 255 letters with its length in 16 bits', `da00ff${many(255, '61')}`, SHORTER],
  ['a text of 65,535 with its length in 32 bits', `db0000ffff${many(65_535, '61')}`, SHORTER],
  ['255 bytes with their count in 16 bits', `c500ff${many(255, '00')}`, SHORTER],
  ['65,535 bytes with their count in 32 bits', `c60000ffff${many(65_535, '00')}`, SHORTER],
  ['a list of 15 with its length in 16 bits', `dc000f${many(15, '00')}`, SHORTER],
  ['a list of 65,535 with its length in 32 bits', `dd0000ffff${many(65_535, '00')}`, SHORTER],
  ['a map of 15 with its size in 16 bits', `de000f${entries(15)}`, SHORTER],
  ['a map of 65,535 with its size in 32 bits', `df0000ffff${entries(65_535)}`, SHORTER],
  ['two values', '0000', 'something follows the value'],
  ['a list in nine others', `${many(9, '91')}90`, 'nested deeper than 8'],
  ['a map in nine others', `${many(9, '81a161')}80`, 'nested deeper than 8'],
  ['a number in 64 bits', 'cf0000000000000001', '0xcf begins no value'],
  ['no value', '', 'it ends early'],
  ['four bytes of five', 'c40500000000', 'it ends early'],
  ['keys that change places', '82a16200a16100', 'keys are not in order'],
  ['a key twice', '82a16100a16100', 'keys are not in order'],
  ['a key after one that goes on', '82a2616200a16100', 'keys are not in order'],
  ['... whose value is a later letter', '82a2616200a16163', 'keys are not in order'],
  ['keys that differ at their end, turned round', '82a2616200a2616100', 'keys are not in order'],
  ['a key without letters', '81a000', 'a key is no name'],
  ['a key that is a number', '810000', 'a key is no name'],
  ['a key that is bytes', `81c0${many(40, '61')}`, 'a key is no name'],
  ['a key that ends early', '81a261', 'it ends early'],
  ['a key of 31 letters with its length in 8 bits', `81d91f${many(31, '61')}00`, SHORTER],
] as const) {
  test(`${what} is refused: ${why}`, () => {
    const check = () => checkCanonical(hexToBytes(hex))
    expect(check).toThrow(ProtocolError)
    expect(check).toThrow(why)
  })
}

for (const [key, isName] of [
  ['a', true],
  ['z', true],
  ['A', true],
  ['Z', true],
  ['a0', true],
  ['a9', true],
  ['aZ', true],
  ['0', false],
  ['9a', false],
  ['@', false],
  ['[', false],
  ['`', false],
  ['{', false],
  ['a/', false],
  ['a:', false],
  ['a@', false],
  ['é', false],
] as const) {
  test(`the key ${key} is ${isName ? 'a' : 'no'} name`, () => {
    const bytes = utf8ToBytes(key)
    const check = () => checkCanonical(Uint8Array.of(0x81, 0xa0 + bytes.length, ...bytes, 0))
    if (isName) check()
    else expect(check).toThrow('a key is no name')
  })
}

for (const keys of [
  ['a', 'b'],
  ['a', 'aa'],
  ['aa', 'ab'],
  ['aZ', 'aa'],
  ['B', 'a'],
  ['a'.repeat(31), 'a'.repeat(32)],
  ['a'.repeat(254), 'a'.repeat(255)],
] as const) {
  test(`the keys ${keys.map((key) => key.slice(0, 4)).join(', ')} are in order`, () => {
    // 97 is the letter a, too: what comes after a key is no part of it.
    const value = Object.fromEntries(keys.map((key) => [key, 97]))
    expect(Object.keys(decode(encode(value)) as object)).toEqual(keys)
  })
}

test('what is nested as deep as may be comes back', () => {
  const deepest: unknown = [[[[[[[[[]]]]]]]]]
  expect(decode(encode(deepest))).toEqual(deepest)
  expect(() => encode([deepest])).toThrow('nested deeper than 8')
  const maps: unknown = { a: { b: { c: { d: { e: { f: { g: { h: {} } } } } } } } }
  expect(decode(encode(maps))).toEqual(maps)
  expect(() => encode({ z: maps })).toThrow('nested deeper than 8')
})

test('a letter that is none is found wherever it stands in a text', () => {
  for (let place = 0; place < 12; place++) {
    const text = utf8ToBytes('twelve signs')
    const withLength = (bytes: Uint8Array) => Uint8Array.of(0xa0 + bytes.length, ...bytes)
    checkCanonical(withLength(text))
    for (const wrong of [0x80, 0xff]) {
      text[place] = wrong
      const check = () => checkCanonical(withLength(text))
      expect(check, `${wrong} at ${place}`).toThrow('a text is not UTF-8')
    }
  }
})

test('a text ends where its length says, whatever follows', () => {
  // The list goes on with bytes, which a text of that name would not have.
  const bytes = Uint8Array.of(0x92, 0xa3, 0x61, 0x61, 0x61, 0xc4, 1, 0x80)
  expect(decode(bytes)).toEqual(['aaa', Uint8Array.of(0x80)])
})
