/** A machine whose bits are not those of all others is found before it computes anything. */
import { expect, test } from 'vitest'
import { createArena } from '../../kernels/arena.ts'
import { missingFeature } from '../../kernels/features.ts'
import {
  checkMachine,
  firstDisagreement,
  knownAnswers,
  MachineError,
  PRODUCTS,
  ROWS,
} from '../../kernels/known-answers.ts'
import type { Ops, Pointer } from '../../kernels/ops.ts'
import { FAIR_TILES, TILES } from '../../kernels/tile-template.ts'
import { wasm, wasmWith } from './harness.ts'
import { kernelModule } from './kernel-module.ts'
import { spoiledKernels } from './spoiled-kernels.ts'

const known = knownAnswers()

for (const { name } of TILES) {
  test(`tiles of ${name} know all answers`, () => {
    const ops = wasmWith({ tiles: { float32: name, int16: name } })
    const arena = createArena(wasm.memory)
    const top = arena.top
    expect(firstDisagreement(PRODUCTS, ops, known, arena, 2)).toBe(null)
    expect(firstDisagreement(ROWS, ops, known, arena, 2)).toBe(null)
    expect(arena.top).toBe(top)
  })
}

/** Each op of `Ops` wrong by one bit of its first number, if it writes any. */
const FAULTS = [
  'gemm',
  'frozenForward',
  'rope',
  'exp',
  'quantise',
  'adamW',
  'swigluBackward',
] as const
for (const fault of FAULTS) {
  test(`a wrong bit of ${fault} is found`, () => {
    const broken: Ops = {
      ...wasm,
      [fault]: (...args: never[]) => {
        const run = wasm[fault] as (...args: never[]) => void
        run(...args)
        const [first] = args as unknown as [number | { c?: number; theta?: number }]
        const at = typeof first === 'number' ? first : (first.c ?? first.theta!)
        new Uint8Array(wasm.memory.buffer)[at]! ^= 1
      },
    }
    const arena = createArena(wasm.memory)
    const found = [PRODUCTS, ROWS].map((questions) =>
      firstDisagreement(questions, broken, known, arena, 0),
    )
    expect(found.find((name) => name !== null)).toMatch(fault)
  })
}

test('a wrong sum is found', () => {
  const broken: Ops = { ...wasm, sumSquares: (x, n) => wasm.sumSquares(x, n) + 2 ** -40 }
  const arena = createArena(wasm.memory)
  expect(firstDisagreement(ROWS, broken, known, arena, 0)).toBe('vectors')
})

/** What 32-bit ARM does in its vectors: a subnormal that comes in or out is zero. */
for (const [op, name, least] of [
  ['scale', 'scale to subnormals', 2 ** -126],
  // A subnormal float16 is one of float32, too, before its exponent is lifted.
  ['widenFloat16', 'widenFloat16 of subnormals', 2 ** -14],
] as const) {
  test(`a machine whose ${op} flushes subnormals is found`, () => {
    const flushing: Ops = {
      ...wasm,
      [op]: (y: Pointer, input: number, n: number) => {
        wasm[op](y, input, n)
        const values = new Float32Array(wasm.memory.buffer, y, n)
        values.set(values.map((value) => (Math.abs(value) < least ? 0 : value)))
      },
    }
    const arena = createArena(wasm.memory)
    expect(firstDisagreement(ROWS, flushing, known, arena, 0)).toBe(name)
  })
}

test('a machine with the bits of all others passes, and one with a wrong bit is refused', () => {
  checkMachine(kernelModule, FAIR_TILES)
  const wrong = () => checkMachine(new WebAssembly.Module(spoiledKernels()), FAIR_TILES)
  expect(wrong).toThrow(MachineError)
  expect(wrong).toThrow(/^Cannot compute on this machine .* those of '\w+' are not\. Use/)
})

for (const [missing, engine] of [
  [null, WebAssembly],
  ['WebAssembly', null],
  ['WebAssembly SIMD', { validate: ({ byteLength }: ArrayBuffer) => byteLength < 16 }],
  ['WebAssembly threads', { validate: ({ byteLength }: ArrayBuffer) => byteLength > 16 }],
] as const) {
  test(`an engine lacks ${missing ?? 'nothing'}`, () =>
    expect(missingFeature(engine as typeof WebAssembly)).toBe(missing))
}
