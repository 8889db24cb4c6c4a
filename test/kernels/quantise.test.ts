/**
 * The delta codec and the half-width floats: known vectors, the rules of rounding, and every
 * float16.
 */
import { expect, test } from 'vitest'
import type { Ops } from '../../kernels/ops.ts'
import { floats, implementations, runCase } from './harness.ts'

type Levels = 7 | 127

interface Quantised {
  codes: number[]
  scales: number[]
  y: number[]
}

/** Quantises and dequantises; codes are unpacked to signed numbers, scales are float16 bits. */
function roundTrip(ops: Ops, x: readonly number[], levels: Levels): Quantised {
  const n = x.length
  const bytes = levels === 7 ? Math.ceil(n / 2) : n
  const { codes, scales, y } = runCase(ops, {
    op: 'quantise',
    sizes: '',
    arrays: {
      codes: new Uint8Array(bytes),
      scales: new Uint16Array(Math.ceil(n / 64)),
      x: Float32Array.from(x),
      y: new Float32Array(n),
    },
    outputs: [],
    run: (ops, p) => {
      ops.quantise(p.codes!, p.scales!, p.x!, n, levels)
      ops.dequantise(p.y!, p.codes!, p.scales!, n, levels)
    },
  }).arrays
  const unpacked = levels === 7 ? [...codes!].flatMap((b) => [b << 28, b << 24]) : [...codes!]
  const shift = levels === 7 ? 28 : 24
  const signed = unpacked.map((code) => (levels === 7 ? code : code << 24) >> shift)
  return { codes: signed.slice(0, n), scales: [...scales!], y: [...y!] }
}

/** A float16 by its definition: sign, 5 bits of exponent, 10 of fraction. */
function float16(bits: number): number {
  const sign = bits >> 15 ? -1 : 1
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023]
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** A tie goes to the even neighbour. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest === 0.5) return floor % 2 === 0 ? floor : floor + 1
  return rest < 0.5 ? floor : floor + 1
}

/** All rules at once, for any finite numbers. */
function check(x: readonly number[], levels: Levels): void {
  const [first, ...others] = implementations.map((ops) => roundTrip(ops, x, levels))
  for (const other of others) expect(other).toEqual(first)
  const { codes, scales, y } = first!
  scales.forEach((bits, block) => {
    const part = x.slice(64 * block, 64 * block + 64).map(Math.fround)
    const max = Math.max(...part.map(Math.abs))
    const scale = float16(bits)
    if (bits < 0x7bff) expect(scale * levels).toBeGreaterThanOrEqual(max)
    if (bits > 0) expect(float16(bits - 1) * levels).toBeLessThan(max)
    part.forEach((value, i) => {
      const code = codes[64 * block + i]!
      const ratio = scale === 0 ? 0 : Math.fround(value / scale)
      const expected = Math.min(Math.max(roundHalfEven(ratio), -levels), levels)
      expect(code === expected).toBe(true)
      expect(y[64 * block + i]! === Math.fround(code * scale)).toBe(true)
    })
  })
}

const ONE = 0x3c00
for (const [what, x, levels, codes, scales] of [
  ['halves to even, scale 1', [7, 0.5, 1.5, 2.5, -0.5, -1.5], 7, [7, 0, 2, 2, 0, -2], [ONE]],
  ['int8, scale 1', [-127, 0.5, 1.5, 126.5], 127, [-127, 0, 2, 126], [ONE]],
  ['scale rounded up', [7.001], 7, [7], [ONE + 1]],
  ['zeros', [0, -0, 0], 7, [0, 0, 0], [0]],
  ['denormals: the smallest scale', [1e-40, -1e-45], 7, [0, 0], [1]],
  ['a scale in the denormals', [7 * 2 ** -24, -3.4 * 2 ** -24], 7, [7, -3], [1]],
  ['beyond the largest scale', [3e38, -3e38, 65504], 7, [7, -7, 1], [0x7bff]],
  ['nothing', [], 127, [], []],
] as const) {
  test(`known vector: ${what}`, () => {
    for (const ops of implementations) {
      const actual = roundTrip(ops, x, levels)
      expect(actual.codes).toEqual([...codes])
      expect(actual.scales).toEqual([...scales])
    }
  })
}

for (const levels of [7, 127] as const) {
  for (const range of [1e-44, 1e-7, 1e-3, 1, 1e5, 3e38]) {
    test(`levels ${levels}, numbers up to ${range}`, () => {
      for (const n of [1, 2, 63, 64, 65, 129, 1000]) {
        check([...floats(`quantise ${range}`, n, range)], levels)
      }
    })
  }
  test(`levels ${levels}: a block of zeros between others, and every tie`, () => {
    const ties = Array.from({ length: 64 }, (_, i) => (i - 32) / 2)
    check([...ties, ...new Array(64).fill(0), ...ties.map((x) => x * 1000)], levels)
  })
}

test('low nibble first', () => {
  for (const ops of implementations) {
    const { codes } = runCase(ops, {
      op: 'quantise',
      sizes: '',
      arrays: {
        codes: new Uint8Array(2),
        scales: new Uint16Array(1),
        x: Float32Array.of(7, -1, 2),
      },
      outputs: [],
      run: (ops, p) => ops.quantise(p.codes!, p.scales!, p.x!, 3, 7),
    }).arrays
    expect([...codes!]).toEqual([0xf7, 0x02])
  }
})

test('every float16 and every bfloat16 widens to the number it means', () => {
  const n = 65536 + 3
  const x = Uint16Array.from({ length: n }, (_, i) => i)
  const upper = new DataView(new ArrayBuffer(4))
  for (const ops of implementations) {
    const widen = (op: 'widenFloat16' | 'widenBfloat16') =>
      runCase(ops, {
        op,
        sizes: '',
        arrays: { y: new Float32Array(n), x },
        outputs: [],
        run: (ops, p) => ops[op](p.y!, p.x!, n),
      }).arrays.y!
    const [halves, brains] = [widen('widenFloat16'), widen('widenBfloat16')]
    const wrong = [...x].filter((bits, i) => {
      upper.setUint16(0, bits)
      return !Object.is(halves[i], float16(bits)) || !Object.is(brains[i], upper.getFloat32(0))
    })
    expect(wrong).toEqual([])
  }
})
