/** Paired vectors are trusted only after they have given the reference's bits, and change none. */
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { afterAll, expect, test } from 'vitest'
import { knownAnswers } from '../../kernels/known-answers.ts'
import { TILES } from '../../kernels/tile-template.ts'
import { revectorise } from '../../node/compute/revectorise.ts'
import { KERNELS, startKernels } from '../../node/compute/start-kernels.ts'
import { reference, runCase, wasmWith } from '../kernels/harness.ts'
import { OP_CASES } from '../kernels/op-cases.ts'
import { spoiledKernels } from '../kernels/spoiled-kernels.ts'

const bytes = new Uint8Array(readFileSync(KERNELS))
const known = knownAnswers()
const pairs = Number.parseInt(process.versions.v8, 10) >= 13

afterAll(() => setFlagsFromString('--no-experimental-wasm-revectorize'))

test('kernels that give other bits stay as they are', () => {
  const reason = pairs
    ? /^with paired vectors '.*' has other bits$/
    : /^V8 \d+ is not known to pair vectors$/
  expect(revectorise(spoiledKernels(), known)).toEqual({
    status: 'off',
    reason: expect.stringMatching(reason),
  })
})

test('V8 is asked to pair vectors on x64 alone', () => {
  const { versions } = process
  const reason = 'V8 does not pair vectors on arm64'
  expect(revectorise(bytes, known, { arch: 'arm64', versions })).toEqual({ status: 'off', reason })
})

test('the kernels pass where V8 pairs vectors, and are tuned once', () => {
  const { revectorised, tiles } = startKernels()
  expect(revectorised.status).toBe(pairs ? 'on' : 'off')
  expect(TILES.map(({ name }) => name)).toContain(tiles.float32)
  expect(startKernels().tiles).toBe(tiles)
})

/** More than V8 needs to see before it compiles a product for good. */
const CALLS = 10

for (const { name } of TILES) {
  test(`tiles of ${name} give the reference's bits when compiled with pairs`, () => {
    setFlagsFromString('--wasm-sync-tier-up')
    const ops = wasmWith({ tiles: { float32: name, int16: name } })
    const products = ['gemm', 'frozenForward', 'frozenBackward']
    for (const opCase of OP_CASES.filter(({ op }) => products.includes(op))) {
      for (let call = 0; call < CALLS; call++) runCase(ops, opCase)
      const [actual, expected] = [runCase(ops, opCase), runCase(reference, opCase)]
      expect(Buffer.compare(actual.bytes, expected.bytes)).toBe(0)
    }
    setFlagsFromString('--no-wasm-sync-tier-up')
  })
}
