/**
 * The whole way of the numbers: tokenizer, config, weights and adapter through our readers and our
 * kernels, against transformers and peft.
 */
import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { createTrainer } from '../../kernels/train-step.ts'
import { EMBEDDED_MODEL, openBaseModel } from '../../node/model/base-model.ts'
import { openTokenizer } from '../../node/model/open-tokenizer.ts'
import { decodePeftAdapter } from '../../node/model/peft.ts'
import { bytesOfBase64, bytesOfJson, VECTORS } from './fixtures.ts'

const KERNELS = new URL('../../kernels/build/kernels.wasm', import.meta.url)
const HYPER = {
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 0,
  gradientClip: 1,
  ratioMax: 2,
}
const { text, config, weights, loss, adapterLoss } = VECTORS.embedded

async function check(adapted: boolean, expected: number): Promise<void> {
  const base = await openBaseModel(EMBEDDED_MODEL)
  onTestFinished(base.close)
  const { eosId, encode } = await openTokenizer(EMBEDDED_MODEL)
  const tokens = Int32Array.of(eosId, ...encode(text))
  // The last token has nothing to predict.
  const targets = Int32Array.of(...tokens.subarray(1), -1)
  const adapter = decodePeftAdapter(bytesOfJson(config), bytesOfBase64(weights), {
    model: base.shape,
    baseDigest: base.file.digest,
  })
  const memory = newSharedMemory(64)
  const ops = createWasmOps(new WebAssembly.Module(readFileSync(KERNELS)), memory)
  const job = {
    model: base.shape,
    adapter: adapter.adapterShape,
    sequenceLength: tokens.length,
    microBatch: 1,
    threads: 1,
    recomputedLayers: 0,
    streamedLayers: 0,
    kernels: { base: 'float32', path: 'float32' } as const,
    hyper: HYPER,
  }
  const trainer = createTrainer(ops, createArena(memory), job, base.weights)
  trainer.load(adapted ? adapter.values : new Float32Array(adapter.values.length), null)
  const { lossSum, targetTokens } = trainer.evaluate({ tokens, targets })
  expect(targetTokens).toBe(tokens.length - 1)
  expect(Math.abs(lossSum / targetTokens / expected - 1)).toBeLessThan(1e-5)
}

test('the base has the loss of transformers', () => check(false, loss))
test('with an adapter that PEFT saved it has the loss of peft', () => check(true, adapterLoss))
test('the adapter makes a difference', () =>
  expect(Math.abs(adapterLoss - loss)).toBeGreaterThan(0.01))
