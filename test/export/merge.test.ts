/** The merged model as a folder: its numbers, its files, and that it says what the two say. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { adapterLayout } from '../../kernels/lora.ts'
import { linearName, weightTensors } from '../../kernels/weights.ts'
import type { DtypeName } from '../../node/export/formats.ts'
import { mergedWeights } from '../../node/export/merge.ts'
import { withDtype } from '../../node/export/merged-folder.ts'
import type { Takeaway } from '../../node/export/takeaway.ts'
import { writeExport } from '../../node/export/write-export.ts'
import { EMBEDDED_MODEL, openBaseModel } from '../../node/model/base-model.ts'
import { decodePeftAdapter } from '../../node/model/peft.ts'
import { scoreText } from '../../node/text/evaluate-text.ts'
import { openTextModel } from '../../node/text/text-model.ts'
import { openTextSession } from '../../node/text/text-session.ts'
import {
  bytesOfBase64,
  bytesOfJson,
  expectModelError,
  openSafetensorsFile,
  TINY_SHAPE,
  temporaryFolder,
  VECTORS,
} from '../model/fixtures.ts'
import { ADAPTER, RUN, takeaway } from './fixtures.ts'

test('W + alpha / R · B · A, and nothing else changes', () => {
  const { values } = takeaway()
  const merged = mergedWeights(weightsOfOnes(), takeaway())
  // The first matrices are those of q: A (2,8) from 0, B (8,2) from 16.
  const at = (row: number, column: number) =>
    1 + 3 * (values[16 + 2 * row]! * values[column]! + values[17 + 2 * row]! * values[8 + column]!)
  const q = merged.tensor(linearName(0, 'q')).values
  expect([...q]).toEqual(Array.from({ length: 64 }, (_, i) => at(Math.floor(i / 8), i % 8)))
  for (const { name } of weightTensors(TINY_SHAPE)) {
    const isTarget = ADAPTER.targets.some((target) => name.includes(`.${target}_proj.`))
    expect(new Set(merged.tensor(name).values).size > 1, name).toBe(isTarget)
  }
})

test('a matrix is merged with its own rank and scale', () => {
  const zeros = {
    tensor: (name: string) => {
      const { shape } = weightTensors(TINY_SHAPE).find((tensor) => tensor.name === name)!
      return { shape, values: new Float32Array(shape.reduce((a, b) => a * b)) }
    },
  }
  const own = { layer: 1, target: 'q', adapterRank: 1, alpha: 5 } as const
  const adapter = { ...ADAPTER, layers: [1], exceptions: [own] }
  const merged = mergedWeights(zeros, takeaway(TINY_SHAPE, adapter))
  // A (1,8) holds 0 to 7, B (8,1) then 8 to 15.
  const q = merged.tensor(linearName(1, 'q')).values
  expect([...q]).toEqual(Array.from({ length: 64 }, (_, i) => 5 * (8 + (i >> 3)) * (i & 7)))
  expect(new Set(merged.tensor(linearName(0, 'q')).values)).toEqual(new Set([0]))
})

test('with DoRA each row of the merged matrix has its magnitude', () => {
  const adapter = { ...ADAPTER, variant: 'dora' } as const
  const base = weightsOfOnes()
  const merged = mergedWeights(base, takeaway(TINY_SHAPE, adapter))
  const plain = mergedWeights(base, withoutMagnitudes(takeaway(TINY_SHAPE, adapter)))
  const { tensors } = adapterLayout(TINY_SHAPE, adapter)
  for (const { layer, target, part, offset, rows } of tensors) {
    if (part !== 'M') continue
    const [own, direction] = [merged, plain].map(
      (of) => of.tensor(linearName(layer, target)).values,
    )
    const columns = own!.length / rows
    for (let row = 0; row < rows; row++) {
      const at = row * columns
      const [is, was] = [own!, direction!].map((of) => of.subarray(at, at + columns))
      const magnitude = Math.sqrt(columns) + offset + row
      expect(norm(is!) / magnitude).toBeCloseTo(1, 6)
      const cosine = is!.reduce((sum, value, i) => sum + value * was![i]!, 0)
      expect(cosine / norm(is!) / norm(was!)).toBeCloseTo(1, 6)
    }
  }
})

const norm = (row: Float32Array) => Math.sqrt(row.reduce((sum, value) => sum + value ** 2, 0))

/** All ones: a row of n has the norm √n. */
function weightsOfOnes() {
  return {
    tensor: (name: string) => {
      const { shape } = weightTensors(TINY_SHAPE).find((tensor) => tensor.name === name)!
      return { shape, values: new Float32Array(shape.reduce((a, b) => a * b)).fill(1) }
    },
  }
}

/** The same A and B as an adapter of LoRA. */
function withoutMagnitudes({ values, adapter, ...rest }: Takeaway): Takeaway {
  const { tensors } = adapterLayout(rest.model, adapter)
  const kept = tensors.filter(({ part }) => part !== 'M')
  const own = kept.flatMap(({ offset, rows, columns }) => [
    ...values.subarray(offset, offset + rows * columns),
  ])
  return { ...rest, adapter: { ...adapter, variant: undefined }, values: Float32Array.from(own) }
}

/** The embedded base with the adapter that peft saved. */
async function embedded() {
  const base = await openBaseModel(EMBEDDED_MODEL)
  onTestFinished(base.close)
  const { config, weights } = VECTORS.embedded
  const { adapterShape, values } = decodePeftAdapter(bytesOfJson(config), bytesOfBase64(weights), {
    model: base.shape,
    baseDigest: base.file.digest,
  })
  return {
    model: base.shape,
    adapter: adapterShape,
    values,
    run: RUN,
    base: { folder: EMBEDDED_MODEL, weights: base.file.path },
  }
}

describe('a merged folder', () => {
  async function check(dtype: DtypeName | null, stored: string, close: number): Promise<void> {
    const folder = await temporaryFolder()
    const { path } = await writeExport({ format: 'merged', folder, dtype }, await embedded())
    const { header, close: closeFile } = openSafetensorsFile(path)
    closeFile()
    expect(new Set([...header.tensors.values()].map((entry) => entry.dtype))).toEqual(
      new Set([stored]),
    )
    expect(header.metadata.get('format')).toBe('pt')
    const session = await openTextSession(await openTextModel({ model: folder }))
    onTestFinished(session.close)
    const { eosId, decode } = session.model.tokenizer
    const text = decode([eosId]) + VECTORS.embedded.text
    const { loss } = await scoreText(session, 'base', [{ name: 'text', text }])
    expect(Math.abs(loss / VECTORS.embedded.adapterLoss - 1)).toBeLessThan(close)
  }

  test('has the loss that peft gives base and adapter', () => check('f32', 'F32', 1e-5))
  test('is rounded to float16', () => check('f16', 'F16', 1e-4))
  test('has the type of its base, unless another is asked for', () => check(null, 'BF16', 2e-3))

  test('keeps all of config.json but the type', async () => {
    const folder = await temporaryFolder()
    await writeExport({ format: 'merged', folder, dtype: 'f32' }, await embedded())
    const [before, after] = await Promise.all(
      [EMBEDDED_MODEL, folder].map((of) => readFile(join(of, 'config.json'), 'utf8')),
    )
    expect(after).toBe(before!.replace('bfloat16', 'float32'))
  })
})

for (const [before, after] of [
  ['{"dtype": "bfloat16"}', '{"dtype": "float16"}'],
  ['{"torch_dtype":"float32","a":1.0}', '{"torch_dtype":"float16","a":1.0}'],
  ['{"a":1.0}', '{\n  "torch_dtype": "float16","a":1.0}'],
] as const)
  test(`${before} with another type`, () => expect(withDtype(before, 'float16')).toBe(after))

test('float16 is refused for what it cannot hold', async () => {
  const adapted = await embedded()
  adapted.values.fill(1e4)
  const folder = await temporaryFolder()
  await expectModelError(
    () => writeExport({ format: 'merged', folder, dtype: 'f16' }, adapted),
    'unsupported',
    ['beyond the range of float16', 'bf16'],
  )
})

for (const [format, dtype, allowed] of [
  ['peft', 'bf16', 'f32'],
  ['gguf-lora', 'q8_0', 'f32'],
  ['merged', 'q8_0', 'f32 or f16 or bf16 or base'],
] as const)
  test(`${format} has no ${dtype}`, async () => {
    const folder = await temporaryFolder()
    await expect(writeExport({ format, folder, dtype }, takeaway())).rejects.toThrow(
      `Cannot write '${format}' as 'dtype' must be ${allowed}: current value is ${dtype}`,
    )
  })
