/**
 * float32 as blocks: how far off they are, against plain rounding and against NF4; that blocks come
 * back as themselves; that nothing finite makes them anything else; and their bytes, frozen, which
 * llama.cpp's `gguf` package reads as we do.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { BLOCK_KINDS, BLOCKS } from '../../kernels/blocks.ts'
import type { BlockKind } from '../../kernels/ops.ts'
import { philox } from '../../kernels/philox.ts'
import { quantiseBlocks } from '../../kernels/quantise-blocks.ts'
import { widenBlocks } from '../../kernels/reference/blocks.ts'
import { randomBlocks } from './block-weights.ts'

const words = (count: number, seed: number): Uint32Array =>
  Uint32Array.from({ length: count }, (_, i) => philox([seed, 6], [i >>> 2, 0, 0, 0])[i & 3]!)

/** Normally distributed. Source: Box and Muller 1958. */
function normals(count: number, seed: number): Float32Array {
  const uniform = Float64Array.from(words(2 * count, seed), (word) => (word + 0.5) / 2 ** 32)
  return Float32Array.from({ length: count }, (_, i) => {
    const radius = Math.sqrt(-2 * Math.log(uniform[2 * i]!))
    return radius * Math.cos(2 * Math.PI * uniform[2 * i + 1]!)
  })
}

/** ||W - Q(W)|| / ||W||. */
function errorOf(before: Float32Array, after: Float32Array): number {
  const squares = (of: (i: number) => number) =>
    before.reduce((sum, _, i) => sum + of(i) * of(i), 0)
  return Math.sqrt(squares((i) => before[i]! - after[i]!) / squares((i) => before[i]!))
}

const quantised = (kind: BlockKind, x: Float32Array) => widenBlocks(kind, quantiseBlocks(kind, x))

const NORMALS = normals(2 ** 17, 1)

/** How far off normally distributed numbers are, at most. */
const ERROR_MAX: Readonly<Record<BlockKind, number>> = {
  Q4_0: 0.083,
  Q4_1: 0.072,
  Q5_0: 0.042,
  Q5_1: 0.036,
  Q8_0: 0.0055,
  Q4_K: 0.072,
  Q5_K: 0.036,
  Q6_K: 0.018,
}

for (const kind of BLOCK_KINDS) {
  test(`${kind}: normal numbers are at most ${ERROR_MAX[kind]} off, in any unit`, () => {
    const error = errorOf(NORMALS, quantised(kind, NORMALS))
    expect(error).toBeLessThan(ERROR_MAX[kind])
    const few = NORMALS.subarray(0, 2 ** 14)
    const unit = errorOf(few, quantised(kind, few))
    for (const factor of [2 ** -9, 1000]) {
      const scaled = few.map((value) => value * factor)
      expect(Math.abs(errorOf(scaled, quantised(kind, scaled)) / unit - 1)).toBeLessThan(0.02)
    }
  })
}

/** Its 16 numbers. Source: Dettmers et al. 2023, QLoRA, appendix E. */
const NF4 = [
  -1, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0, 0.0795803,
  0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1,
]

/** NF4 in blocks of 64, whose scales are taken as exact: double quantisation costs nothing here. */
function nf4(x: Float32Array): Float32Array {
  return x.map((value, i) => {
    const block = x.subarray(i - (i % 64), i - (i % 64) + 64)
    const scale = block.reduce((max, one) => Math.max(max, Math.abs(one)), 0)
    return (
      scale *
      NF4.reduce((a, b) => (Math.abs(b - value / scale) < Math.abs(a - value / scale) ? b : a))
    )
  })
}

test('normal numbers are nearer in Q4_1 and Q4_K than in NF4, for which NF4 is made', () => {
  const few = NORMALS.subarray(0, 2 ** 15)
  const bar = errorOf(few, nf4(few))
  expect(bar).toBeGreaterThan(0.09)
  for (const kind of ['Q4_1', 'Q4_K'] as const) {
    expect(errorOf(few, quantised(kind, few)), kind).toBeLessThan(0.82 * bar)
  }
})

/** The share of numbers that quantising again moves at most. */
const MOVED_MAX: Readonly<Record<BlockKind, number>> = {
  Q4_0: 0,
  Q4_1: 0,
  Q5_0: 0,
  Q5_1: 0,
  Q8_0: 0,
  Q4_K: 0.01,
  Q5_K: 0.08,
  Q6_K: 0.02,
}

for (const kind of BLOCK_KINDS) {
  test(`${kind}: what was quantised is hardly moved, when it is quantised again`, () => {
    const once = quantised(kind, NORMALS.subarray(0, 2 ** 15))
    const twice = quantised(kind, once)
    const moved = once.reduce((count, value, i) => count + Number(value !== twice[i]), 0)
    expect(moved / once.length).toBeLessThanOrEqual(MOVED_MAX[kind])
    expect(errorOf(once, twice)).toBeLessThan(ERROR_MAX[kind] / 8)
  })
}

/** What a search could fall over. */
const ODD: readonly (readonly [string, (i: number) => number])[] = [
  ['zeros', () => 0],
  ['one number', () => 3],
  ['one number below zero', () => -0.3],
  ['numbers above zero', (i) => 1 + (i % 7)],
  ['numbers below zero', (i) => -1 - (i % 5)],
  ['an outlier', (i) => (i % 256 === 9 ? 1000 : Math.sin(i))],
  ['the largest', (i) => (i % 2 === 0 ? 65_519 : -65_519)],
  ['some too small for a scale', (i) => (i % 3) * 1e-9],
  ['denormals', (i) => (i % 3) * 1e-45],
]

for (const kind of BLOCK_KINDS) {
  for (const [what, of] of ODD) {
    test(`${kind}: ${what} stay finite, and within a code of themselves`, () => {
      const x = Float32Array.from({ length: 512 }, (_, i) => of(i))
      const after = quantised(kind, x)
      const max = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      // A block that has scales of 6 bits rounds those of its parts, too; tiny ones are no float16.
      const step = kind === 'Q8_0' ? max / 127 : kind.startsWith('Q4') ? max / 7 : max / 15
      for (const [i, value] of after.entries()) {
        expect(Math.abs(value - x[i]!)).toBeLessThanOrEqual(step + 2 ** -20)
      }
    })
  }
}

test('a block depends on its own numbers alone', () => {
  for (const kind of BLOCK_KINDS) {
    const { scalars, bytes } = BLOCKS[kind]
    const x = NORMALS.subarray(0, 3 * scalars)
    const alone = quantiseBlocks(kind, x.subarray(scalars, 2 * scalars))
    expect(quantiseBlocks(kind, x).subarray(bytes, 2 * bytes)).toEqual(alone)
  }
})

/** `values` are those of the gguf package: test/vectors/make-quantised-blocks.py. */
const PATH = new URL('../vectors/quantised-blocks.json', import.meta.url)
type Vectors = Record<BlockKind, { blocks: string; values: string }>

/** Integers over a power of two, alike on every machine: sums of four are nearly normal. */
const FROZEN = Float32Array.from({ length: 1024 }, (_, i) =>
  words(4, i + 100).reduce((sum, word) => sum + ((word >>> 20) - 2047.5) / 4096, 0),
)

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

if (process.env.REWRITE === '1') {
  const blocks = BLOCK_KINDS.map((kind) => [
    kind,
    { blocks: base64(quantiseBlocks(kind, FROZEN)), values: '' },
  ])
  writeFileSync(PATH, `${JSON.stringify(Object.fromEntries(blocks), null, 1)}\n`)
}

const frozen: Vectors = JSON.parse(readFileSync(PATH, 'utf8'))

for (const kind of BLOCK_KINDS) {
  test(`${kind}: the bytes are frozen, and the gguf package reads what we do`, () => {
    const blocks = quantiseBlocks(kind, FROZEN)
    expect(base64(blocks) === frozen[kind].blocks).toBe(true)
    const values = new Uint8Array(widenBlocks(kind, blocks).buffer)
    expect(base64(values) === frozen[kind].values).toBe(true)
  })
}

for (const kind of BLOCK_KINDS) {
  test(`${kind}: what any bytes mean is found again nearer than normal numbers are`, () => {
    const any = widenBlocks(kind, randomBlocks(kind, 64, words, 3))
    const again = errorOf(any, quantised(kind, any))
    expect(again).toBeLessThan(ERROR_MAX[kind])
  })
}
