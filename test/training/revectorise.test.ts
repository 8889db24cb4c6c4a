/** Paired vectors are trusted only after they have given the reference's bits, and change none. */
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { afterAll, expect, test } from 'vitest'
import { TILES } from '../../kernels/tile-template.ts'
import { revectorise } from '../../node/training/revectorise.ts'
import { KERNELS, startKernels } from '../../node/training/start-kernels.ts'
import { reference, runCase, wasmWith } from '../kernels/harness.ts'
import { OP_CASES } from '../kernels/op-cases.ts'

const bytes = new Uint8Array(readFileSync(KERNELS))
const pairs = Number.parseInt(process.versions.v8, 10) >= 13

afterAll(() => setFlagsFromString('--no-experimental-wasm-revectorize'))

/** log2 e, as the exponential's constant lies in the module; one bit is turned. */
function spoiled(): Uint8Array<ArrayBuffer> {
  const constant = new Uint8Array(Float32Array.of(Math.LOG2E).buffer)
  const at = bytes.findIndex((_, i) => constant.every((byte, k) => bytes[i + k] === byte))
  const copy = bytes.slice()
  copy[at + 2]! ^= 1
  return copy
}

test('kernels that give other bits stay as they are', () => {
  const { status, ...rest } = revectorise(spoiled())
  expect(status).toBe('off')
  const reason = pairs
    ? /^with paired vectors '.*' has other bits$/
    : /^V8 \d+ is not known to pair vectors$/
  expect('reason' in rest && rest.reason).toMatch(reason)
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
