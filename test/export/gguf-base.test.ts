/** Exports of a run whose base is a GGUF: what is merged, what is copied, what is refused. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { adapterLayout } from '../../kernels/lora.ts'
import { weightTensors } from '../../kernels/weights.ts'
import { roundingRows } from '../../node/cli/export.ts'
import { ggufModel } from '../../node/export/gguf-model.ts'
import { rewrittenGguf } from '../../node/export/gguf-rewrite.ts'
import { mergedNames, mergedWeights } from '../../node/export/merge.ts'
import type { Takeaway } from '../../node/export/takeaway.ts'
import { writeExport } from '../../node/export/write-export.ts'
import { EMBEDDED_MODEL, openBaseModel } from '../../node/model/base-model.ts'
import { weightsFromBytes } from '../../node/model/base-weights.ts'
import { parseModelConfig } from '../../node/model/config.ts'
import { parseGguf } from '../../node/model/gguf.ts'
import type { GgufValue, TensorType } from '../../node/model/gguf-format.ts'
import { ggufTokenizer } from '../../node/model/gguf-tokenizer.ts'
import { type GgufFile, ggufPieces } from '../../node/model/gguf-write.ts'
import { openFourBitBase } from '../../node/setup/four-bit-base.ts'
import { FAMILIES, weightsOf } from '../model/family-vectors.ts'
import {
  bytesOfJson,
  expectModelError,
  floatsOfBase64,
  temporaryFolder,
} from '../model/fixtures.ts'
import { ADAPTER, RUN } from './fixtures.ts'

const bytesOf = (file: GgufFile) => Buffer.concat([...ggufPieces(file)])
const fileOf = (bytes: Uint8Array) => ({
  bytes: bytes.length,
  read: (begin: number, end: number) => bytes.subarray(begin, end),
})

const TOKENIZER = {
  tokenizer: await readFile(join(EMBEDDED_MODEL, 'tokenizer.json')),
  config: await readFile(join(EMBEDDED_MODEL, 'tokenizer_config.json')),
  chatTemplate: null,
}

for (const [name, family] of Object.entries(FAMILIES))
  test(`${name}: the merged matrices are those of the hub's order, the rest is copied`, () => {
    const { shape: model, contextLength } = parseModelConfig(bytesOfJson(family.config))
    const tokenizer = ggufTokenizer(TOKENIZER, 2048)
    const source = { run: RUN, model, contextLength, tokenizer, weights: weightsOf(family) }
    const base = bytesOf(ggufModel({ ...source, type: 'F32' }))
    const values = floatsOfBase64(family.adapter)
    const adapted = { model, adapter: family.adapterShape, values }
    const rewritten = weightsFromBytes(model, bytesOf(rewrittenGguf(fileOf(base), adapted, 'F32')))
    const expected = mergedWeights(weightsOf(family), adapted)
    for (const tensor of weightTensors(model)) {
      const { values: got } = rewritten.tensor(tensor.name)
      expect(got, tensor.name).toEqual(expected.tensor(tensor.name).values)
    }
  })

/** The embedded base as a GGUF of a type, with entries of its own; and a takeaway of it. */
async function quantised(
  type: TensorType = 'Q8_0',
  adapter = ADAPTER,
): Promise<Takeaway & { bytes: Buffer }> {
  const { shape: model, weights, contextLength, close } = await openBaseModel(EMBEDDED_MODEL)
  onTestFinished(close)
  const tokenizer = ggufTokenizer(TOKENIZER, model.vocabSize)
  const file = ggufModel({ run: RUN, model, contextLength, tokenizer, weights, type })
  const own: [string, GgufValue][] = [
    ['general.alignment', { type: 'u32', value: 64 }],
    ['somebody.else', { type: 'array', of: 'u64', values: [2n ** 63n] }],
  ]
  const bytes = bytesOf({ ...file, metadata: new Map([...file.metadata, ...own]) })
  const folder = await temporaryFolder()
  const path = join(folder, 'base.gguf')
  await writeFile(path, bytes)
  const base = await openBaseModel(path)
  base.close()
  for (const [name, content] of base.companions) await writeFile(join(folder, name), content)
  const { count } = adapterLayout(model, adapter)
  return {
    model,
    adapter,
    run: RUN,
    bytes,
    base: { folder, weights: path },
    values: Float32Array.from({ length: count }, (_, i) => Math.sin(i) / 10),
  }
}

describe('a base of 8 bits', () => {
  async function check(type: TensorType | 'base'): Promise<void> {
    const { bytes, ...takeaway } = await quantised()
    const rewritten = bytesOf(rewrittenGguf(fileOf(bytes), takeaway, type))
    const [before, after] = [parseGguf(fileOf(bytes)), parseGguf(fileOf(rewritten))]
    expect(after.metadata).toEqual(before.metadata)
    expect([...after.tensors.keys()]).toEqual([...before.tensors.keys()])
    const types = { merged: new Set<string>(), copied: new Set<string>() }
    for (const [name, { begin, end, type: stored }] of before.tensors) {
      const now = after.tensors.get(name)!
      expect(now.begin % 64, name).toBe(0)
      const isMerged = /attn_[qkv]|ffn_down/.test(name)
      types[isMerged ? 'merged' : 'copied'].add(now.type)
      if (isMerged) continue
      expect(now.type, name).toBe(stored)
      const [was, is] = [bytes.subarray(begin, end), rewritten.subarray(now.begin, now.end)]
      expect(is.equals(was), name).toBe(true)
    }
    const own = type === 'base' ? 'Q8_0' : type
    expect(types).toEqual({ merged: new Set([own]), copied: new Set(['Q8_0', 'F32']) })
    expect(mergedNames(takeaway)).toHaveLength(4 * takeaway.model.layerCount)
  }

  for (const type of ['F16', 'Q4_1', 'base'] as const)
    test(`keeps what is not merged as ${type}`, () => check(type))

  test('becomes a GGUF with a Modelfile, and says what is in it', async () => {
    const { bytes, ...takeaway } = await quantised()
    const folder = await temporaryFolder()
    const written = await writeExport({ format: 'merged-gguf', folder, dtype: null }, takeaway)
    const weights = 'F16 where merged, the others as in the base'
    expect(written.weights).toBe(weights)
    expect(await readFile(join(folder, 'README.md'), 'utf8')).toContain(weights)
    expect(await readFile(join(folder, 'Modelfile'), 'utf8')).toContain('FROM ./model.gguf')
    const model = await openBaseModel(join(folder, 'model.gguf'))
    model.close()
    expect(model.shape).toEqual(takeaway.model)
  })

  test('becomes a folder that transformers knows', async () => {
    const { bytes, ...takeaway } = await quantised()
    const folder = await temporaryFolder()
    await writeExport({ format: 'merged', folder, dtype: null }, takeaway)
    const json = async (name: string) => JSON.parse(await readFile(join(folder, name), 'utf8'))
    expect(await json('config.json')).toMatchObject({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      torch_dtype: 'float32',
      bos_token_id: 0,
      eos_token_id: 0,
    })
    expect(await json('tokenizer_config.json')).toMatchObject({
      tokenizer_class: 'PreTrainedTokenizerFast',
    })
    const merged = await openBaseModel(folder)
    onTestFinished(merged.close)
    const expected = mergedWeights(weightsFromBytes(takeaway.model, bytes), takeaway)
    for (const { name } of weightTensors(takeaway.model)) {
      expect(merged.weights.tensor(name), name).toEqual(expected.tensor(name))
    }
  })
})

for (const [dtype, written, variant] of [
  ['base', 'Q4_1', undefined],
  ['q8_0', 'Q8_0', undefined],
  ['base', 'Q4_1', 'dora'],
] as const) {
  const what = variant === undefined ? '' : ', with magnitudes'
  test(`what is lost on the way back into ${written} is told${what}`, async () => {
    const { bytes, ...takeaway } = await quantised('Q4_1', { ...ADAPTER, variant })
    const folder = await temporaryFolder()
    const { rounding, path } = await writeExport({ format: 'merged-gguf', folder, dtype }, takeaway)
    const before = weightsFromBytes(takeaway.model, bytes)
    const merged = mergedWeights(before, takeaway)
    const after = weightsFromBytes(takeaway.model, await readFile(path))
    const squares = { lost: 0, merged: 0, learned: 0 }
    for (const name of mergedNames(takeaway)) {
      const [was, is, became] = [before, merged, after].map((of) => of.tensor(name).values)
      for (let i = 0; i < is!.length; i++) {
        squares.lost += (became![i]! - is![i]!) ** 2
        squares.merged += is![i]! ** 2
        squares.learned += (is![i]! - was![i]!) ** 2
      }
    }
    expect(rounding!.ofWeights).toBeCloseTo(Math.sqrt(squares.lost / squares.merged), 9)
    expect(rounding!.ofLearned).toBeCloseTo(Math.sqrt(squares.lost / squares.learned), 5)
    const [least, most] = dtype === 'base' ? [0.03, 0.08] : [0.003, 0.006]
    expect(rounding!.ofWeights).toBeGreaterThan(least)
    expect(rounding!.ofWeights).toBeLessThan(most)
    const type = parseGguf(fileOf(await readFile(path))).tensors.get('blk.0.attn_q.weight')!.type
    expect(type).toBe(written)
  })
}

test('a small change is rounded away by 4 bits, and that is said', async () => {
  const { bytes, values, ...takeaway } = await quantised('Q4_1')
  const folder = await temporaryFolder()
  const little = { ...takeaway, values: values.map((value) => value / 30) }
  const { rounding } = await writeExport({ format: 'merged-gguf', folder, dtype: 'base' }, little)
  expect(rounding!.ofWeights).toBeLessThan(0.02)
  expect(rounding!.ofLearned).toBeGreaterThan(0.9)
  const said = roundingRows({ rounding: rounding! }).flat().join(' ')
  expect(said).toMatch(
    / % of what was learned; '--format gguf-lora', beside the base, loses nothing/,
  )
  const ofDora = roundingRows({ rounding: rounding!, variant: 'dora' }).flat().join(' ')
  expect(ofDora).toMatch(/ % of what was learned; '--dtype f32' loses nothing/)
  expect(roundingRows({}).length).toBe(0)
})

/** The takeaway of a run that put the embedded base into 4 bits; the base before, and after. */
async function inFourBits() {
  const { bytes, ...takeaway } = await quantised('F16')
  const base = await openBaseModel(takeaway.base.weights)
  onTestFinished(base.close)
  const stored = await openFourBitBase(base, null)
  onTestFinished(stored.close)
  const run: Takeaway['run'] = { ...RUN, base: { ...RUN.base, file: 'blocks' } }
  const four = { ...takeaway, run, base: { ...takeaway.base, weights: stored.file.path } }
  return { takeaway, base, stored, four }
}

test('a base that the run put into 4 bits comes home with its tokenizer, too', async () => {
  const { takeaway, base, stored, four } = await inFourBits()
  for (const dtype of ['base', null] as const) {
    const folder = await temporaryFolder()
    await writeExport({ format: 'merged-gguf', folder, dtype }, four)
    const model = await openBaseModel(join(folder, 'model.gguf'))
    onTestFinished(model.close)
    expect(model.shape).toEqual(takeaway.model)
    expect(model.tokenizer.encode('Call me')).toEqual(base.tokenizer.encode('Call me'))
    const merged = mergedWeights(stored.weights, four)
    for (const { name } of weightTensors(takeaway.model)) {
      const [expected, got] = [merged, model.weights].map((of) => of.tensor(name).values)
      const square = (sum: number, value: number) => sum + value * value
      const error = expected!.map((value, i) => value - got![i]!).reduce(square, 0)
      expect(error, name).toBeLessThanOrEqual(0.08 ** 2 * expected!.reduce(square, 0))
    }
  }
})

test('an adapter of such a base comes home beside it, byte by byte, as a whole model', async () => {
  const { base, four } = await inFourBits()
  const folder = await temporaryFolder()
  await writeExport({ format: 'gguf-lora', folder, dtype: null }, four)
  const bytes = await readFile(join(folder, 'base.gguf'))
  const [file, blocks] = [bytes, await readFile(four.base.weights)]
  const [whole, alone] = [parseGguf(fileOf(file)), parseGguf(fileOf(blocks))]
  expect([...whole.tensors.keys()]).toEqual([...alone.tensors.keys()])
  for (const [name, { type, begin, end }] of alone.tensors) {
    const own = whole.tensors.get(name)!
    expect(own.type, name).toBe(type)
    const are = file.subarray(own.begin, own.end).equals(blocks.subarray(begin, end))
    expect(are, name).toBe(true)
  }
  for (const [key, value] of [
    ['general.name', 'tiny'],
    ['barnraise.base_sha256', RUN.base.digest],
  ] as const) {
    expect(whole.metadata.get(key), key).toEqual({ type: 'string', value })
  }
  for (const key of ['general.file_type', 'barnraise.adapter_sha256']) {
    expect(whole.metadata.has(key), key).toBe(false)
  }
  const model = await openBaseModel(join(folder, 'base.gguf'))
  onTestFinished(model.close)
  expect(model.shape).toEqual(four.model)
  expect(model.tokenizer.encode('Call me')).toEqual(base.tokenizer.encode('Call me'))
})

test('what stretches the frequencies of RoPE is in what comes home of such a base', async () => {
  const { four } = await inFourBits()
  const ropeDivisors = Array.from({ length: four.model.headDim / 2 }, (_, i) => 1 + i)
  const stretched = { ...four, model: { ...four.model, ropeDivisors } }
  for (const [format, file] of [
    ['gguf-lora', 'base.gguf'],
    ['merged-gguf', 'model.gguf'],
  ] as const) {
    const folder = await temporaryFolder()
    await writeExport({ format, folder, dtype: null }, stretched)
    const model = await openBaseModel(join(folder, file))
    onTestFinished(model.close)
    expect(model.shape.ropeDivisors, format).toEqual(ropeDivisors)
  }
})

test("divisors of RoPE that are a file's own have no place in a folder", async () => {
  const { bytes, ...takeaway } = await quantised()
  const path = join(takeaway.base.folder, 'config.json')
  const config = JSON.parse(await readFile(path, 'utf8'))
  const rope_scaling = { rope_type: 'divisors', divisors: new Array(16).fill(2) }
  await writeFile(path, JSON.stringify({ ...config, rope_scaling }))
  const folder = await temporaryFolder()
  await expectModelError(
    () => writeExport({ format: 'merged', folder, dtype: null }, takeaway),
    'unsupported',
    ['rope_freqs', 'merged-gguf'],
  )
})
