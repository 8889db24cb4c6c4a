/**
 * The compiled kernels equal the reference bit for bit, on aligned arrays and on shifted ones, and
 * neither writes a byte outside its outputs.
 */
import { expect, test } from 'vitest'
import { TILES } from '../../kernels/tile-template.ts'
import { type OpCase, reference, runCase, untouched, wasm, wasmWith } from './harness.ts'
import { FORMS, gemmCase, OP_CASES } from './op-cases.ts'

function check(opCase: OpCase, shift: number): void {
  const expected = runCase(reference, opCase, shift)
  const actual = runCase(wasm, opCase, shift)
  expect(Object.is(actual.returned, expected.returned)).toBe(true)
  expect(actual.arrays).toEqual(expected.arrays)
  expect(Buffer.compare(actual.bytes, expected.bytes)).toBe(0)
  const before = runCase(reference, idle(opCase), shift)
  const kept = untouched(before, opCase, shift)
  for (const result of [expected, actual]) {
    expect(Buffer.compare(untouched(result, opCase, shift), kept)).toBe(0)
  }
}

/** The same arrays, with nothing done to them. */
function idle(opCase: OpCase): OpCase {
  return { ...opCase, run: () => undefined }
}

const byOp = Map.groupBy(OP_CASES, ({ op }) => op)
for (const [op, cases] of byOp) {
  for (const shift of [0, 1]) {
    test(`${op}: ${cases.length} cases, arrays shifted by ${shift}`, () => {
      for (const opCase of cases) check(opCase, shift)
    })
  }
}

test('every op has cases', () => {
  const { name: _name, memory: _memory, ...ops } = reference
  expect([...byOp.keys()].sort()).toEqual(Object.keys(ops).sort())
})

for (const { name } of TILES) {
  const ops = wasmWith({ tiles: { float32: name, int16: name } })
  for (const op of ['gemm', 'frozenForward', 'frozenBackward']) {
    test(`${op} in tiles of ${name}`, () => {
      for (const opCase of byOp.get(op)!) {
        expect(Buffer.compare(runCase(ops, opCase).bytes, runCase(reference, opCase).bytes)).toBe(0)
      }
    })
  }
}

for (const form of FORMS) {
  test(`gemm ${form}: two products over halves of K continue one fold`, () => {
    const [M, N, K, half] = [13, 21, 300, 130]
    const whole = gemmCase(form, [M, N, K], false, 2)
    const halves: OpCase = {
      ...whole,
      run: (ops, { a, b, c }) => {
        const [lda, ldb, ldc] = [(form === 'tn' ? M : K) + 2, (form === 'nt' ? K : N) + 2, N + 2]
        const sizes = { form, M, N, lda, ldb, c: c!, ldc }
        const aSkip = 4 * half * (form === 'tn' ? lda : 1)
        const bSkip = 4 * half * (form === 'nt' ? 1 : ldb)
        ops.gemm({ ...sizes, a: a!, b: b!, K: half, accumulate: false })
        ops.gemm({ ...sizes, a: a! + aSkip, b: b! + bSkip, K: K - half, accumulate: true })
      },
    }
    for (const ops of [reference, wasm]) {
      expect(runCase(ops, halves).arrays).toEqual(runCase(reference, whole).arrays)
    }
  })
}
