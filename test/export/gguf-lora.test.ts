/**
 * Names, shapes and order of an adapter in GGUF; that llama.cpp takes them is for test/llama to
 * say.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { adapterLayout } from '../../kernels/lora.ts'
import type { AdapterShape, ModelShape } from '../../kernels/shape.ts'
import { floatsOf } from '../../node/compute/floats.ts'
import { ggufLora } from '../../node/export/gguf-lora.ts'
import { writeExport } from '../../node/export/write-export.ts'
import type { GgufTensor } from '../../node/model/gguf-write.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { TINY_SHAPE, temporaryFolder } from '../model/fixtures.ts'
import { ADAPTER, RUN, takeaway } from './fixtures.ts'

const valuesOf = ({ pieces }: GgufTensor) => [...floatsOf(Buffer.concat([...pieces()]))]

/** Rows of q's and k's B in the file, by the row of ours that each is. */
function check(model: ModelShape, architecture: string, rows: { q: number[]; k: number[] }): void {
  const { metadata, tensors } = ggufLora(takeaway(model))
  expect(Object.fromEntries([...metadata].map(([key, { ...of }]) => [key, of]))).toMatchObject({
    'general.architecture': { type: 'string', value: architecture },
    'general.type': { type: 'string', value: 'adapter' },
    'general.name': { type: 'string', value: RUN.name },
    'adapter.type': { type: 'string', value: 'lora' },
    'adapter.lora.alpha': { type: 'f32', value: ADAPTER.alpha },
  })
  const named = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  for (const { layer, target, part, ...ours } of adapterLayout(model, ADAPTER).tensors) {
    const name = { q: 'attn_q', k: 'attn_k', v: 'attn_v', down: 'ffn_down' }[target as 'q']
    const tensor = named.get(`blk.${layer}.${name}.weight.lora_${part.toLowerCase()}`)!
    expect(tensor.shape).toEqual([ours.rows, ours.columns])
    const order =
      part === 'B' && (target === 'q' || target === 'k')
        ? rows[target]
        : Array.from({ length: ours.rows }, (_, row) => row)
    const expected = order.flatMap((row) =>
      Array.from({ length: ours.columns }, (_, i) => ours.offset + row * ours.columns + i),
    )
    expect(valuesOf(tensor), tensor.name).toEqual(expected)
  }
  expect(tensors).toHaveLength(2 * ADAPTER.targets.length * model.layerCount)
}

// Two heads of q and one of k, four rows each.
test('llama: rows of B of q and k go in pairs', () =>
  check(TINY_SHAPE, 'llama', { q: [0, 2, 1, 3, 4, 6, 5, 7], k: [0, 2, 1, 3] }))

const inOrder = { q: [0, 1, 2, 3, 4, 5, 6, 7], k: [0, 1, 2, 3] }
test('qwen2: no row changes its place', () =>
  check({ ...TINY_SHAPE, qkvBias: true }, 'qwen2', inOrder))
test('qwen3: no row changes its place', () =>
  check({ ...TINY_SHAPE, headNorm: true }, 'qwen3', inOrder))

/** One alpha is divided by each rank in llama.cpp: B makes up for another scale. */
test('scales of their own are those that llama.cpp computes', () => {
  const adapter: AdapterShape = {
    ...ADAPTER,
    scaling: 'rslora',
    exceptions: [
      { layer: 0, target: 'q', adapterRank: 8, alpha: 6 },
      { layer: 1, target: 'down', adapterRank: 2, alpha: 1 },
    ],
  }
  const of = takeaway(TINY_SHAPE, adapter)
  const { metadata, tensors } = ggufLora(of)
  const { value: alpha } = metadata.get('adapter.lora.alpha') as { value: number }
  const layout = adapterLayout(TINY_SHAPE, adapter).tensors
  const scales = new Set<number>()
  for (const [index, { part, columns: rank, offset, rows, scale }] of layout.entries()) {
    const stored = valuesOf(tensors[index]!).reduce((sum, value) => sum + value, 0)
    const ours = of.values.subarray(offset, offset + rows * rank).reduce((a, b) => a + b, 0)
    if (part === 'A') expect(stored).toBe(ours)
    else expect(((stored / ours) * alpha) / rank / scale).toBeCloseTo(1, 6)
    scales.add(scale)
  }
  expect(scales.size).toBe(3)
})

test('magnitudes are refused, as llama.cpp knows none, and nothing is written', async () => {
  const folder = join(await temporaryFolder(), 'out')
  const ofDora = takeaway(TINY_SHAPE, { ...ADAPTER, variant: 'dora' })
  const written = writeExport({ format: 'gguf-lora', folder, dtype: null }, ofDora)
  await expect(written).rejects.toThrow(ConfigError)
  await expect(written).rejects.toThrow("export '--format merged-gguf', or 'peft'")
  expect(existsSync(folder)).toBe(false)
})
