/** Whether a model can write in a browser, said before a byte of it is fetched. */
import { expect, test } from 'vitest'
import { generatorBytes } from '../../kernels/generator.ts'
import { fitText } from '../../node/browser/tab/text-memory.ts'
import { MODEL_135M } from '../kernels/model-135m.ts'

const shape = {
  model: MODEL_135M,
  adapter: { adapterRank: 8, alpha: 16, targets: ['q', 'v'] as const },
  kernels: { base: 'bfloat16', path: 'float32' } as const,
  contextMax: 2048,
}
const weights = { bytes: 269_060_552 }
const needed = generatorBytes({ ...shape, adapter: { ...shape.adapter, targets: ['q', 'v'] } })

for (const [what, layerCount, bytesMax, status, reason] of [
  ['just enough memory', 30, needed + weights.bytes, 'fits', null],
  ['a byte too little', 30, needed + weights.bytes - 1, 'tight', /this browser seems to have/],
  ['more than WebAssembly reaches', 3000, 1e12, 'too-large', /WebAssembly reaches 4294 MB/],
] as const) {
  test(`with ${what} it is ${status}`, () => {
    const model = { ...MODEL_135M, layerCount }
    const adapter = { ...shape.adapter, targets: [...shape.adapter.targets] }
    const fit = fitText({ shape: { ...shape, model, adapter }, weights }, bytesMax)
    expect(fit.status).toBe(status)
    if (reason !== null) expect(fit).toMatchObject({ reason: expect.stringMatching(reason) })
  })
}
