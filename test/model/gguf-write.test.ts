/** GGUF as we write it, against what llama.cpp's own package writes. */
import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fromFloat32 } from '../../node/model/dtypes.ts'
import type { GgufMetadata, GgufScalar, GgufValue } from '../../node/model/gguf-format.ts'
import { quantise } from '../../node/model/gguf-numbers.ts'
import { type GgufTensor, ggufPieces, writeGguf } from '../../node/model/gguf-write.ts'
import { digestOf } from '../../protocol/digest.ts'
import { bytesOfBase64, floatsOfBase64, temporaryFolder } from './fixtures.ts'

/** Made by test/vectors/make-gguf.py. */
const VECTORS: {
  scalars: Record<GgufScalar['type'], unknown>
  file: { bytes: string; values: string }
  floats: { F32: string; F16: string; BF16: string }
} = JSON.parse(readFileSync(new URL('../vectors/gguf.json', import.meta.url), 'utf8'))

const FILE = bytesOfBase64(VECTORS.file.bytes)
const VALUES = floatsOfBase64(VECTORS.file.values)

function metadata(): GgufMetadata {
  const scalars = Object.entries(VECTORS.scalars).map(([type, value]): [string, GgufValue] => [
    `one.${type}`,
    { type, value: /^[ui]64$/.test(type) ? BigInt(value as string) : value } as GgufScalar,
  ])
  return new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: 'llama' }],
    ...scalars,
    ['some.strings', { type: 'array', of: 'string', values: ['a', '', 'Ġb'] }],
    ['some.i32', { type: 'array', of: 'i32', values: [1, -2, 3] }],
    ['some.bools', { type: 'array', of: 'bool', values: [true, false] }],
  ])
}

function tensors(): GgufTensor[] {
  const matrices = (['F32', 'F16', 'BF16', 'Q8_0'] as const).map(
    (type): GgufTensor => ({
      name: type.toLowerCase(),
      shape: [3, 64],
      type,
      // A piece for each row.
      pieces: () =>
        [0, 1, 2].map((row) => quantise(type, VALUES.subarray(64 * row, 64 * row + 64))),
    }),
  )
  const vector = VALUES.slice(0, 5)
  const pieces = () => [quantise('F32', vector)]
  return [...matrices, { name: 'vector', shape: [5], type: 'F32', pieces }]
}

test('every type of value and tensor has the bytes that llama.cpp gives it', () =>
  expect(Buffer.concat([...ggufPieces({ metadata: metadata(), tensors: tensors() })])).toEqual(
    Buffer.from(FILE),
  ))

test('a header of any length has all of its texts', () => {
  // Of every length, so that one of them is at the end of each buffer.
  const values = Array.from({ length: 2000 }, (_, i) => String(i % 10).repeat(i % 300))
  const file = new Map<string, GgufValue>([['texts', { type: 'array', of: 'string', values }]])
  const bytes = Buffer.concat([...ggufPieces({ metadata: file, tensors: [] })])
  let at = bytes.indexOf('texts') + 'texts'.length + 4 + 4 + 8
  for (const value of values) {
    const length = Number(bytes.readBigUInt64LE(at))
    expect(bytes.toString('utf8', at + 8, at + 8 + length)).toBe(value)
    at += 8 + length
  }
})

test('a file is whole or not there', async () => {
  const folder = await temporaryFolder()
  const path = join(folder, 'a.gguf')
  const file = { metadata: metadata(), tensors: tensors() }
  expect(await writeGguf(path, file)).toEqual({ path, bytes: FILE.length, digest: digestOf(FILE) })
  const short = { ...tensors()[0]!, pieces: () => [new Uint8Array(3)] }
  const again = writeGguf(join(folder, 'b.gguf'), { ...file, tensors: [short] })
  await expect(again).rejects.toThrow("'f32' has 3 bytes instead of 768")
  expect(await readdir(folder)).toEqual(['a.gguf'])
})

test('tensors lie at the alignment that the metadata ask for', () => {
  const aligned = new Map([['general.alignment', { type: 'u32', value: 128 }]]) as GgufMetadata
  const [first, ...pieces] = [...ggufPieces({ metadata: aligned, tensors: tensors() })]
  expect((first!.length + pieces[0]!.length) % 128).toBe(0)
  expect(Buffer.concat([first!, ...pieces]).length % 128).toBe(0)
})

describe('what does not fit is our mistake', () => {
  const check = (tensor: Partial<GgufTensor>, message: string) =>
    expect(() => [
      ...ggufPieces({ metadata: metadata(), tensors: [{ ...tensors()[0]!, ...tensor }] }),
    ]).toThrow(message)

  for (const [what, tensor, message] of [
    ['half a block', { type: 'Q8_0', shape: [3, 48] }, 'does not fill blocks of Q8_0'],
    ['a name that llama.cpp cuts off', { name: 'x'.repeat(64) }, 'has 64 bytes'],
    ['no name', { name: '' }, 'has 0 bytes'],
    ['no dimension', { shape: [] }, 'has 0 dimensions'],
    ['five dimensions', { shape: [1, 1, 1, 1, 1] }, 'has 5 dimensions'],
  ] as const)
    test(what, () => check(tensor, message))
})

describe('the nearest half', () => {
  const floats = floatsOfBase64(VECTORS.floats.F32)
  for (const dtype of ['F16', 'BF16'] as const)
    test(dtype, () => {
      const halves = new Uint16Array(fromFloat32(dtype, floats).buffer)
      expect([...halves]).toEqual([...new Uint16Array(bytesOfBase64(VECTORS.floats[dtype]).buffer)])
    })
  test('of what is no number is none', () => {
    for (const dtype of ['F16', 'BF16'] as const) {
      const [bits] = new Uint16Array(fromFloat32(dtype, Float32Array.of(Number.NaN)).buffer)
      expect(bits! & 0x7fff, dtype).toBeGreaterThan(dtype === 'F16' ? 0x7c00 : 0x7f80)
    }
  })
})
