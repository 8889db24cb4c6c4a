/**
 * What we export, read by llama.cpp: it must give each token the probability that we, or peft, give
 * it.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { adapterLayout } from '../../kernels/lora.ts'
import { type AdapterShape, TARGETS } from '../../kernels/shape.ts'
import type { DtypeName, ExportFormat } from '../../node/export/formats.ts'
import { ggufLora } from '../../node/export/gguf-lora.ts'
import { ggufModel } from '../../node/export/gguf-model.ts'
import { mergedWeights } from '../../node/export/merge.ts'
import type { Takeaway } from '../../node/export/takeaway.ts'
import { writeExport } from '../../node/export/write-export.ts'
import { EMBEDDED_MODEL, openBaseModel } from '../../node/model/base-model.ts'
import { parseModelConfig } from '../../node/model/config.ts'
import { ggufTokenizer } from '../../node/model/gguf-tokenizer.ts'
import { type GgufFile, writeGguf } from '../../node/model/gguf-write.ts'
import { openTextModel } from '../../node/text/text-model.ts'
import { openTextSession } from '../../node/text/text-session.ts'
import { nextBelow, prng } from '../../protocol/prng.ts'
import { RUN } from '../export/fixtures.ts'
import { FAMILIES, type Family, weightsOf } from '../model/family-vectors.ts'
import { bytesOfJson, floatsOfBase64, temporaryFolder, VECTORS } from '../model/fixtures.ts'
import { startLlama } from './llama.ts'

/** llama.cpp keeps keys and values in float16. */
const DISTANCE_MAX = 1e-3
/** Where weights have eight bits; llama.cpp then rounds what they are multiplied with, too. */
const DISTANCE_COARSE_MAX = 0.02
/** What is wrong. */
const DISTANCE_WRONG_MIN = 0.05

const llama = startLlama()
afterAll(llama.close)

/** Writes a GGUF into a folder of its own. */
async function written(file: GgufFile): Promise<string> {
  return (await writeGguf(join(await temporaryFolder(), 'a.gguf'), file)).path
}

/** The largest difference between llama.cpp's probabilities and the softmax of `logits`. */
function distance(probabilities: Map<number, number>, logits: ArrayLike<number>): number {
  const values = Array.from(logits)
  const largest = Math.max(...values)
  const sum = values.reduce((total, value) => total + Math.exp(value - largest), 0)
  expect(probabilities.size).toBe(values.length)
  return Math.max(
    ...values.map((value, id) =>
      Math.abs(Math.exp(value - largest) / sum - probabilities.get(id)!),
    ),
  )
}

const ADAPTER: AdapterShape = { adapterRank: 4, alpha: 8, targets: TARGETS }
const SPREAD = 0.3

/** The embedded base with an adapter that changes what it says. */
async function embedded(): Promise<Takeaway> {
  const { shape: model, file, close } = await openBaseModel(EMBEDDED_MODEL)
  close()
  const random = prng(1)
  const scalar = () => SPREAD * (nextBelow(random, 2001) / 1000 - 1)
  const { count } = adapterLayout(model, ADAPTER)
  return {
    model,
    adapter: ADAPTER,
    values: Float32Array.from({ length: count }, scalar),
    base: { folder: EMBEDDED_MODEL, weights: file.path },
    run: { ...RUN, base: { ...RUN.base, digest: file.digest } },
  }
}

async function exported(
  takeaway: Takeaway,
  format: ExportFormat,
  dtype: DtypeName | null = null,
): Promise<{ folder: string; path: string }> {
  const folder = await temporaryFolder()
  const { path } = await writeExport({ format, folder, dtype }, takeaway)
  return { folder, path }
}

/** A base and nothing else, as a GGUF. */
async function baseGguf(takeaway: Takeaway, dtype: DtypeName = 'f32'): Promise<string> {
  const still = { ...takeaway, values: new Float32Array(takeaway.values.length) }
  return (await exported(still, 'merged-gguf', dtype)).path
}

describe('the embedded base', () => {
  const lengths = [1, 9, 40, 64]

  /** Ids of a text's beginning and our logits after it, with the adapter that `peft` is. */
  async function ours(takeaway: Takeaway | null, model = 'embedded') {
    const adapter = takeaway === null ? {} : { adapter: (await exported(takeaway, 'peft')).folder }
    const session = await openTextSession(await openTextModel({ model, ...adapter }))
    onTestFinished(session.close)
    const ids = session.model.tokenizer.encode(VECTORS.embedded.text)
    const variant = takeaway === null ? 'base' : 'adapter'
    const answers = []
    for (const length of lengths) {
      const begin = ids.subarray(0, length)
      answers.push({ ids: [...begin], logits: await session.logits(variant, begin) })
    }
    return answers
  }

  /** The largest distance over all beginnings. */
  async function farthest(
    answers: Awaited<ReturnType<typeof ours>>,
    path: string,
    adapter?: string,
  ): Promise<number> {
    const model = llama.open(path)
    const distances = []
    for (const { ids, logits } of answers) {
      distances.push(distance(await model.next(ids, adapter), logits))
    }
    return Math.max(...distances)
  }

  test('alone', async () => {
    const path = await baseGguf(await embedded())
    expect(await farthest(await ours(null), path)).toBeLessThan(DISTANCE_MAX)
  })

  test('with the adapter beside it', async () => {
    const takeaway = await embedded()
    const [base, lora] = [await baseGguf(takeaway), await exported(takeaway, 'gguf-lora')]
    expect(await farthest(await ours(takeaway), base, lora.path)).toBeLessThan(DISTANCE_MAX)
  })

  for (const [dtype, max] of [
    ['f32', DISTANCE_MAX],
    ['f16', DISTANCE_MAX],
    ['bf16', DISTANCE_COARSE_MAX],
    ['q8_0', DISTANCE_COARSE_MAX],
  ] as const)
    test(`with the adapter in it, as ${dtype}`, async () => {
      const takeaway = await embedded()
      const { path } = await exported(takeaway, 'merged-gguf', dtype)
      expect(await farthest(await ours(takeaway), path)).toBeLessThan(max)
    })

  test('in 8 bits, with the adapter beside it and in it', async () => {
    const plain = await embedded()
    const base = await baseGguf(plain, 'q8_0')
    const { companions, file, close } = await openBaseModel(base)
    close()
    const folder = await temporaryFolder()
    for (const [name, bytes] of companions) await writeFile(join(folder, name), bytes)
    const run = { ...RUN, base: { ...RUN.base, digest: file.digest } }
    const takeaway = { ...plain, run, base: { folder, weights: base } }
    const answers = await ours(takeaway, base)
    const [lora, merged] = [
      await exported(takeaway, 'gguf-lora'),
      await exported(takeaway, 'merged-gguf'),
    ]
    expect(await farthest(answers, base, lora.path)).toBeLessThan(DISTANCE_COARSE_MAX)
    expect(await farthest(answers, merged.path)).toBeLessThan(DISTANCE_COARSE_MAX)
  })

  test('is another model when the rows of q and k keep their places', async () => {
    const takeaway = await embedded()
    const base = await baseGguf(takeaway)
    // The same tensors but for the order of rows, which qwen2 does not change.
    const { tensors } = ggufLora({ ...takeaway, model: { ...takeaway.model, qkvBias: true } })
    const lora = await written({ ...ggufLora(takeaway), tensors })
    expect(await farthest(await ours(takeaway), base, lora)).toBeGreaterThan(DISTANCE_WRONG_MIN)
  })

  test('is another model without the adapter', async () => {
    const takeaway = await embedded()
    const base = await baseGguf(takeaway)
    expect(await farthest(await ours(takeaway), base)).toBeGreaterThan(DISTANCE_WRONG_MIN)
  })

  test('cuts texts into the same tokens', async () => {
    const model = llama.open(await baseGguf(await embedded()))
    for (const { text, ids } of VECTORS.tokenizer) {
      if (!text.includes('<|')) expect(await model.tokenize(text), text).toEqual(ids)
    }
  })
})

describe('each family, as peft computes it', () => {
  const LETTERS = 'abcdefghijklmnopqrstuvw'
  const tokenizer = {
    normalizer: null,
    added_tokens: [],
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
    model: {
      type: 'BPE',
      merges: [],
      vocab: Object.fromEntries([...LETTERS].map((letter, id) => [letter, id])),
    },
  }
  const entries = ggufTokenizer(
    {
      tokenizer: bytesOfJson(tokenizer),
      config: bytesOfJson({ eos_token: 'a' }),
      chatTemplate: null,
    },
    LETTERS.length,
  )

  function takeawayOf(family: Family) {
    const { shape: model, contextLength } = parseModelConfig(bytesOfJson(family.config))
    const values = floatsOfBase64(family.adapter)
    const adapted = { model, adapter: family.adapterShape, values }
    const gguf = (weights = weightsOf(family)) =>
      ggufModel({
        run: RUN,
        model,
        contextLength,
        tokenizer: entries,
        weights,
        type: 'F32',
      })
    return {
      base: gguf(),
      merged: gguf(mergedWeights(weightsOf(family), adapted)),
      lora: ggufLora({ ...adapted, run: RUN }),
    }
  }

  async function check(family: Family, file: GgufFile, lora?: GgufFile): Promise<void> {
    const model = llama.open(await written(file))
    const adapter = lora === undefined ? [] : [await written(lora)]
    const ids = family.ids.slice(0, family.sequenceLength)
    const next = await model.next(ids, ...adapter)
    expect(distance(next, floatsOfBase64(family.logits))).toBeLessThan(DISTANCE_MAX)
  }

  for (const [name, family] of Object.entries(FAMILIES)) {
    const { base, merged, lora } = takeawayOf(family)
    test(`${name} with the adapter beside it`, () => check(family, base, lora))
    test(`${name} with the adapter in it`, () => check(family, merged))
  }
})
