import { closeSync, openSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ModelError, type ModelErrorCode } from '../../node/model/errors.ts'
import {
  DIMENSIONS_MAX,
  encodeSafetensors,
  HEADER_BYTES_MAX,
  headerLength,
  parseSafetensors,
  TENSOR_NAME_LENGTH_MAX,
  TENSORS_MAX,
} from '../../node/model/safetensors.ts'
import {
  bytesOfBase64,
  damaged,
  expectModelError,
  openSafetensorsFile,
  temporaryFolder,
  VECTORS,
} from './fixtures.ts'

const GOLDEN = bytesOfBase64(VECTORS.safetensors.file)

function fileOf(header: unknown, dataBytes: number, headerLength?: number): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header)
  const json = new TextEncoder().encode(text)
  const file = new Uint8Array(8 + json.length + dataBytes)
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength ?? json.length), true)
  file.set(json, 8)
  return file
}

const entry = (dtype: string, shape: unknown, begin: unknown, end: unknown) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

describe('a file of the safetensors library', () => {
  const expected = Object.entries(VECTORS.safetensors.tensors)

  function check(tensor: (name: string) => { shape: readonly number[]; values: Float32Array }) {
    for (const [name, { shape, values }] of expected) {
      expect(tensor(name), name).toEqual({ shape, values: Float32Array.from(values) })
    }
  }

  test('is read from memory', () => {
    const { header, tensor } = parseSafetensors(GOLDEN)
    expect([...header.tensors.keys()].sort()).toEqual(expected.map(([name]) => name).sort())
    expect(header.metadata).toEqual(new Map([['format', 'pt']]))
    check(tensor)
  })

  test('is read from disk by range', async () => {
    const path = join(await temporaryFolder(), 'golden.safetensors')
    writeFileSync(path, GOLDEN)
    const file = openSafetensorsFile(path)
    check(file.tensor)
    file.close()
  })

  test('is read from the middle of a larger buffer', () => {
    const larger = new Uint8Array(GOLDEN.length + 6).fill(0xff)
    larger.set(GOLDEN, 3)
    check(parseSafetensors(larger.subarray(3, 3 + GOLDEN.length)).tensor)
  })
})

describe('what we write', () => {
  test('is read back, for any tensors', () => {
    const tensors = fc.uniqueArray(
      fc.record({
        name: fc.string({ minLength: 1, maxLength: 20 }).filter((name) => name !== '__metadata__'),
        values: fc.float32Array({ maxLength: 12, noNaN: true }),
      }),
      { selector: ({ name }) => name, maxLength: 6 },
    )
    fc.assert(
      fc.property(tensors, fc.dictionary(fc.string(), fc.string()), (list, metadata) => {
        const shaped = list.map(({ name, values }) => ({ name, values, shape: [values.length] }))
        const { header, tensor } = parseSafetensors(encodeSafetensors(shaped, metadata))
        expect(header.dataStart % 8).toBe(0)
        expect(Object.fromEntries(header.metadata)).toEqual({ ...metadata })
        for (const { name, shape, values } of shaped)
          expect(tensor(name)).toEqual({ shape, values })
      }),
      // A name that an object literal takes for something else.
      { examples: [[[{ name: '__proto__', values: Float32Array.of(1) }], {}]] },
    )
  })

  test('has these bytes', () => {
    const file = encodeSafetensors([{ name: 'w', shape: [1, 2], values: Float32Array.of(1, -2) }], {
      format: 'pt',
    })
    const json =
      '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}'
    expect(new TextDecoder().decode(file.subarray(8, 8 + json.length))).toBe(json)
    expect(new DataView(file.buffer).getBigUint64(0, true)).toBe(BigInt(json.length + 1))
    expect([...file.subarray(-9)]).toEqual([0x20, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0])
  })
})

describe('a malformed file is refused', () => {
  const check = (file: Uint8Array, code: ModelErrorCode, word: string) =>
    expectModelError(() => parseSafetensors(file), code, [word])

  const two = (a: object, b: object, bytes: number) => fileOf({ a, b }, bytes)
  const tooMany = Object.fromEntries(
    Array.from({ length: TENSORS_MAX + 1 }, (_, i) => [i, entry('U8', [0], 0, 0)]),
  )
  const deep = Array(DIMENSIONS_MAX + 1).fill(1)
  const long = 'n'.repeat(TENSOR_NAME_LENGTH_MAX + 1)
  const rows: [string, Uint8Array, string][] = [
    ['no bytes', new Uint8Array(0), 'at least 8 bytes'],
    ['half a length', new Uint8Array(5), 'at least 8 bytes'],
    ['a header longer than the file', fileOf({}, 0, 3), "header's length"],
    ['a header of 2^63 bytes', fileOf({}, 0, 2 ** 63), "header's length"],
    ['a cut header', fileOf('{"a":', 0), 'not JSON'],
    ['a header that is not UTF-8', fileOf('', 1, 1).fill(0xff, 8), 'not JSON'],
    ['a list for a header', fileOf([], 0), 'not a JSON object'],
    ['a number for a tensor', fileOf({ a: 1 }, 0), "'a' is not an object"],
    ['metadata that is no object', fileOf({ __metadata__: [] }, 0), '__metadata__'],
    ['metadata that is not text', fileOf({ __metadata__: { a: 1 } }, 0), "'a' of '__metadata__'"],
    ['a negative size', fileOf({ a: entry('F32', [-1], 0, 4) }, 4), 'valid shape'],
    ['a broken size', fileOf({ a: entry('F32', [0.5], 0, 2) }, 2), 'valid shape'],
    ['too many dimensions', fileOf({ a: entry('U8', deep, 0, 1) }, 1), 'valid shape'],
    ['one offset', fileOf({ a: { ...entry('U8', [1], 0, 1), data_offsets: [0] } }, 1), 'offsets'],
    ['a negative offset', fileOf({ a: entry('U8', [2], -1, 1) }, 1), 'offsets'],
    ['a span that is not the shape', fileOf({ a: entry('F32', [2], 0, 4) }, 4), 'spans 4 bytes'],
    ['a product beyond 2^53', fileOf({ a: entry('U8', [2 ** 40, 2 ** 40], 0, 1) }, 1), 'spans'],
    ['an overlap', two(entry('U8', [2], 0, 2), entry('U8', [2], 1, 3), 3), "'b' begins at 1"],
    ['a hole', two(entry('U8', [1], 0, 1), entry('U8', [1], 2, 3), 3), "'b' begins at 2"],
    ['a hole at the start', fileOf({ a: entry('U8', [1], 1, 2) }, 2), "'a' begins at 1"],
    ['data that is cut', fileOf({ a: entry('U8', [4], 0, 4) }, 3), 'span 4 bytes, its data 3'],
    ['data that nobody names', fileOf({ a: entry('U8', [1], 0, 1) }, 2), 'its data 2'],
    ['a nameless tensor', fileOf({ '': entry('U8', [1], 0, 1) }, 1), '0 characters'],
    ['a long name', fileOf({ [long]: entry('U8', [1], 0, 1) }, 1), `${long.length} characters`],
    ['too many tensors', fileOf(tooMany, 0), `at most ${TENSORS_MAX}`],
  ]
  for (const [what, file, word] of rows) test(what, () => check(file, 'malformed', word))

  test('a header that is too long, in a file that has room for it', () => {
    const start = fileOf('', 0, HEADER_BYTES_MAX + 1)
    return expectModelError(() => headerLength(start, 2 ** 40), 'malformed', [
      `${HEADER_BYTES_MAX}`,
    ])
  })
  test('a dtype that nobody knows', () =>
    check(fileOf({ a: entry('Q4', [1], 0, 1) }, 1), 'unsupported', '"Q4"'))
  test('a dtype named like a method', () =>
    check(fileOf({ a: entry('toString', [1], 0, 1) }, 1), 'unsupported', '"toString"'))
})

test('a tensor that is not there is named', () =>
  expectModelError(() => parseSafetensors(GOLDEN).tensor('model.norm'), 'missing', [
    "'model.norm'",
  ]))

describe('a file on disk', () => {
  test('that is not there is named', async () => {
    const path = join(await temporaryFolder(), 'none.safetensors')
    await expectModelError(() => openSafetensorsFile(path), 'missing', [path])
  })

  test('that is malformed is named, and closed again', async () => {
    const path = join(await temporaryFolder(), 'short.safetensors')
    writeFileSync(path, GOLDEN.subarray(0, GOLDEN.length - 1))
    // A descriptor that leaked would make the next one a higher number.
    const before = openSync(path, 'r')
    closeSync(before)
    await expectModelError(() => openSafetensorsFile(path), 'malformed', [path])
    const after = openSync(path, 'r')
    closeSync(after)
    expect(after).toBe(before)
  })

  test('that becomes shorter while it is open is noticed', async () => {
    const path = join(await temporaryFolder(), 'shrinking.safetensors')
    writeFileSync(path, GOLDEN)
    const file = openSafetensorsFile(path)
    truncateSync(path, GOLDEN.length - 40)
    await expectModelError(
      () => Object.keys(VECTORS.safetensors.tensors).map(file.tensor),
      'malformed',
      [path, 'shorter'],
    )
    file.close()
  })
})

describe('whatever the bytes are, nothing but a ModelError is thrown', () => {
  function check(file: Uint8Array): void {
    try {
      const { header, tensor } = parseSafetensors(file)
      for (const name of header.tensors.keys()) tensor(name)
    } catch (error) {
      if (!(error instanceof ModelError)) throw error
    }
  }

  test('a sound file with some bytes changed, and cut', () => {
    fc.assert(fc.property(damaged(GOLDEN), check), { numRuns: 3000 })
  })

  test('any JSON for a header', () => {
    const value = fc.oneof(
      fc.jsonValue(),
      fc.record({
        dtype: fc.constantFrom('F32', 'BF16', 'U8', 'I64', '__proto__', null),
        shape: fc.array(fc.oneof(fc.nat(3), fc.integer(), fc.double()), { maxLength: 3 }),
        data_offsets: fc.tuple(fc.nat(8), fc.nat(16)),
      }),
    )
    const name = fc.constantFrom('a', 'b', '__metadata__', '__proto__', 'constructor')
    fc.assert(
      fc.property(fc.dictionary(name, value), fc.nat(16), (header, dataBytes) =>
        check(fileOf(header, dataBytes)),
      ),
      { numRuns: 3000 },
    )
  })

  test('any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), check), { numRuns: 1000 })
  })
})
