/** GGUF as we read it: against llama.cpp's own package, against what we write, on hostile bytes. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BLOCK_KINDS } from '../../kernels/blocks.ts'
import type { BlockKind } from '../../kernels/ops.ts'
import { widenBlocks } from '../../kernels/reference/blocks.ts'
import type { ModelShape } from '../../kernels/shape.ts'
import { type WeightSource, weightTensors } from '../../kernels/weights.ts'
import { ggufModel } from '../../node/export/gguf-model.ts'
import { EMBEDDED_MODEL, openBaseModel } from '../../node/model/base-model.ts'
import { weightsFromBytes } from '../../node/model/base-weights.ts'
import { parseModelConfig } from '../../node/model/config.ts'
import { ModelError, type ModelErrorCode } from '../../node/model/errors.ts'
import { GGUF_ARRAY_LENGTH_MAX, type GgufHeader, parseGguf } from '../../node/model/gguf.ts'
import { ggufCompanions } from '../../node/model/gguf-companions.ts'
import type { GgufValue } from '../../node/model/gguf-format.ts'
import { dequantise } from '../../node/model/gguf-numbers.ts'
import { ggufTokenizer } from '../../node/model/gguf-tokenizer.ts'
import { type GgufFile, ggufPieces } from '../../node/model/gguf-write.ts'
import { withStops } from '../../node/model/stops.ts'
import { tokenizerFromBytes } from '../../node/model/tokenizer.ts'
import { RUN } from '../export/fixtures.ts'
import { FAMILIES, weightsOf } from './family-vectors.ts'
import {
  bytesOfBase64,
  bytesOfJson,
  damaged,
  expectModelError,
  floatsOfBase64,
  temporaryFolder,
} from './fixtures.ts'

const json = (name: string) =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'))
/** Made by test/vectors/make-gguf-blocks.py. */
const BLOCKS: Record<string, { blocks: string; values: string }> = json('gguf-blocks.json')
/** Made by test/vectors/make-gguf.py. */
const FILE = bytesOfBase64(json('gguf.json').file.bytes)

const fileBytes = (bytes: Uint8Array) => ({
  bytes: bytes.length,
  read: (begin: number, end: number) => bytes.subarray(begin, end),
})
const parse = (bytes: Uint8Array) => parseGguf(fileBytes(bytes))

for (const [type, { blocks, values }] of Object.entries(BLOCKS)) {
  test(`blocks of ${type} mean what llama.cpp's package says`, () => {
    expect(widenBlocks(type as BlockKind, bytesOfBase64(blocks))).toEqual(floatsOfBase64(values))
  })
}

test('there are blocks of every kind', () =>
  expect(Object.keys(BLOCKS).sort()).toEqual([...BLOCK_KINDS].sort()))

test("a file of llama.cpp's package is read", () => {
  const { metadata, tensors } = parse(FILE)
  expect(metadata.get('general.architecture')).toEqual({ type: 'string', value: 'llama' })
  expect(metadata.get('some.strings')).toMatchObject({ of: 'string', values: ['a', '', 'Ġb'] })
  expect(metadata.get('some.bools')).toMatchObject({ of: 'bool', values: [true, false] })
  expect([...tensors].map(([name, { shape }]) => [name, shape])).toContainEqual(['f32', [3, 64]])
})

const TOKENIZER = {
  tokenizer: readFileSync(join(EMBEDDED_MODEL, 'tokenizer.json')),
  config: readFileSync(join(EMBEDDED_MODEL, 'tokenizer_config.json')),
  chatTemplate: null,
}

function modelFile(model: ModelShape, weights: WeightSource): GgufFile {
  const tokenizer = ggufTokenizer(TOKENIZER, Math.max(2048, model.vocabSize))
  const source = { run: RUN, contextLength: 64, type: 'F32' as const, tokenizer }
  return ggufModel({ ...source, model, weights })
}

for (const [name, family] of Object.entries(FAMILIES)) {
  test(`${name} comes back: its shape, its weights in our order`, () => {
    const { shape } = parseModelConfig(bytesOfJson(family.config))
    const bytes = Buffer.concat([...ggufPieces(modelFile(shape, weightsOf(family)))])
    const companions = ggufCompanions(parse(bytes), fileBytes(bytes))
    const config = parseModelConfig(companions.get('config.json')!)
    const divisors = shape.ropeDivisors?.map(Math.fround) ?? null
    expect(config).toEqual({ shape: { ...shape, ropeDivisors: divisors }, contextLength: 64 })
    const weights = weightsFromBytes(shape, bytes)
    for (const tensor of weightTensors(shape)) {
      expect(weights.tensor(tensor.name), tensor.name).toEqual(
        weightsOf(family).tensor(tensor.name),
      )
    }
  })
}

/** Texts that tokenizers differ on. */
const HARD = [
  '',
  ' ',
  '  two  spaces',
  'tab\tand\nlines\r\n\r\n',
  "don't we'll I'M",
  'naïve café',
  '日本語のテキスト',
  '👩‍👩‍👧‍👦 🏳️‍🌈',
  '123456789',
  'e\u0301',
  'a\u0000b',
  '<|endoftext|>',
]

test('the embedded model in one file is the same model with the same tokens', async () => {
  const embedded = await openBaseModel(EMBEDDED_MODEL)
  const path = join(await temporaryFolder(), 'model.gguf')
  const file = modelFile(embedded.shape, embedded.weights)
  writeFileSync(path, Buffer.concat([...ggufPieces(file)]))
  const model = await openBaseModel(path)
  expect(model.shape).toEqual(embedded.shape)
  expect(model.weights.storage).toEqual({ base: 'float32' })
  expect(model.tokenizer.eosId).toBe(embedded.tokenizer.eosId)
  for (const text of HARD) {
    expect(model.tokenizer.encode(text), text).toEqual(embedded.tokenizer.encode(text))
    const ids = embedded.tokenizer.encode(text)
    expect(model.tokenizer.decode(ids)).toBe(embedded.tokenizer.decode(ids))
  }
  for (const { name } of weightTensors(model.shape)) {
    expect(model.weights.tensor(name), name).toEqual(embedded.weights.tensor(name))
  }
  model.close()
  embedded.close()
})

/** A model of no tensors, to be changed entry by entry. */
function changed(entries: Record<string, GgufValue | null>, tensors: string[] = []): Uint8Array {
  const { shape } = parseModelConfig(bytesOfJson(FAMILIES.llama3!.config))
  const { metadata, tensors: own } = modelFile(shape, weightsOf(FAMILIES.llama3!))
  const all = new Map(metadata)
  for (const [key, value] of Object.entries(entries)) {
    if (value === null) all.delete(key)
    else all.set(key, value)
  }
  const strange = tensors.map((name) => ({
    name,
    shape: [4],
    type: 'F32' as const,
    pieces: () => [new Uint8Array(16)],
  }))
  return Buffer.concat([...ggufPieces({ metadata: all, tensors: [...own, ...strange] })])
}
const text = (value: string): GgufValue => ({ type: 'string', value })
const u32 = (value: number): GgufValue => ({ type: 'u32', value })
const u16 = (value: number): GgufValue => ({ type: 'u16', value })
const f32 = (value: number): GgufValue => ({ type: 'f32', value })

describe('a file that we would compute wrongly is refused by name', () => {
  const check = (bytes: Uint8Array, code: ModelErrorCode, words: readonly string[]) =>
    expectModelError(
      () => {
        const companions = ggufCompanions(parse(bytes), fileBytes(bytes))
        const { shape } = parseModelConfig(companions.get('config.json')!)
        weightsFromBytes(shape, bytes)
      },
      code,
      words,
    )
  for (const [what, entries, code, ...words] of [
    ['gemma2', { 'general.architecture': text('gemma2') }, 'unsupported', '"gemma2"', 'qwen3'],
    [
      'a part',
      { 'split.count': u16(2), 'split.no': u16(0) },
      'unsupported',
      'part 1 of 2',
      '--merge',
    ],
    ['no architecture', { 'general.architecture': null }, 'unsupported', 'null'],
    ['experts', { 'llama.expert_count': u32(8) }, 'unsupported', 'llama.expert_count', '8'],
    ['YaRN', { 'llama.rope.scaling.type': text('yarn') }, 'unsupported', '"yarn"'],
    ['a factor of YaRN alone', { 'llama.rope.scaling.attn_factor': f32(2) }, 'unsupported', '2'],
    ['other values', { 'llama.attention.value_length': u32(7) }, 'unsupported', 'value_length'],
    ['heads by layer', { 'llama.attention.head_count': ints() }, 'unsupported', 'head_count'],
    ['no layers', { 'llama.block_count': null }, 'missing', 'llama.block_count'],
    ['WordPiece', { 'tokenizer.ggml.model': text('bert') }, 'unsupported', '"bert"', 'gpt2'],
    ['an unknown cut', { 'tokenizer.ggml.pre': text('tekken') }, 'unsupported', '"tekken"'],
    ['no words', { 'tokenizer.ggml.tokens': null }, 'missing', 'tokenizer.ggml.tokens'],
    ['no end', { 'tokenizer.ggml.eos_token_id': null }, 'missing', 'eos_token_id'],
    ['an end beyond', { 'tokenizer.ggml.eos_token_id': u32(9999) }, 'unsupported', '9999'],
    ['no scores', { 'tokenizer.ggml.model': text('llama') }, 'missing', 'scores'],
    ['a word that takes hours to cut', longWord(), 'unsupported', '3000000 in token 0'],
  ] as const) {
    test(what, () => check(changed(entries as Record<string, GgufValue>), code, words))
  }
  test('a tensor that the architecture lacks', () =>
    check(changed({}, ['blk.0.attn_sub_norm.weight']), 'unsupported', ['attn_sub_norm']))
})

function longWord(): Record<string, GgufValue> {
  return {
    'tokenizer.ggml.model': text('llama'),
    'tokenizer.ggml.tokens': { type: 'array', of: 'string', values: ['a'.repeat(3e6), 'b'] },
    'tokenizer.ggml.token_type': { type: 'array', of: 'i32', values: [1, 1] },
    'tokenizer.ggml.scores': { type: 'array', of: 'f32', values: [0, 0] },
    ...Object.fromEntries(
      ['bos', 'eos'].map((name) => [`tokenizer.ggml.${name}_token_id`, u32(1)]),
    ),
  }
}

function ints(): GgufValue {
  return { type: 'array', of: 'i32', values: [4, 2] }
}

test('SentencePiece merges by score, and spells what it has no word for in bytes', () => {
  const words = ['<unk>', '<s>', '</s>', '▁', 'a', 'b', 'c', 'ab', 'bc', '▁ab', 'abc']
  const byteWords = Array.from({ length: 256 }, (_, byte) => {
    return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
  })
  const tokens = [...words, ...byteWords]
  const kinds = tokens.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < words.length ? 1 : 6))
  const scores = [0, 0, 0, -9, -9, -9, -9, -1, -2, -3, -4, ...byteWords.map(() => 0)]
  const header: GgufHeader = {
    metadata: new Map<string, GgufValue>([
      ['general.architecture', text('llama')],
      ['tokenizer.ggml.model', text('llama')],
      ['tokenizer.ggml.tokens', { type: 'array', of: 'string', values: tokens }],
      ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', values: kinds }],
      ['tokenizer.ggml.scores', { type: 'array', of: 'f32', values: scores }],
      ['tokenizer.ggml.bos_token_id', u32(1)],
      ['tokenizer.ggml.eos_token_id', u32(2)],
      ['tokenizer.ggml.eot_token_id', u32(9)],
      ['tokenizer.ggml.unknown_token_id', u32(0)],
      ...Object.entries({ block_count: 1, embedding_length: 8, feed_forward_length: 8 }).map(
        ([key, value]): [string, GgufValue] => [`llama.${key}`, u32(value)],
      ),
      ['llama.attention.head_count', u32(2)],
      ['llama.context_length', u32(8)],
      ['llama.attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-5 }],
    ]),
    tensors: new Map([['token_embd.weight', { type: 'F32', shape: [267, 8], begin: 0, end: 0 }]]),
  }
  const companions = ggufCompanions(header, fileBytes(new Uint8Array(0)))
  const tokenizer = tokenizerFromBytes(
    companions.get('tokenizer.json')!,
    companions.get('tokenizer_config.json')!,
  )
  const id = (word: string) => tokens.indexOf(word)
  // 'ab' scores above 'bc', and then '▁ab' above 'abc'.
  expect([...tokenizer.encode('abc')]).toEqual([id('▁ab'), id('c')])
  expect([...tokenizer.encodeWhole('bc')]).toEqual([id('<s>'), id('▁'), id('bc')])
  expect([...tokenizer.encode('é')]).toEqual([id('▁'), id('<0xC3>'), id('<0xA9>')])
  expect(tokenizer.decode(tokenizer.encode('abc é ab'))).toBe('abc é ab')
  // A turn ends with a token of its own.
  expect(withStops(tokenizer, companions, null).stopIds).toEqual([2, 9])
})

describe('a malformed file is refused', () => {
  const header = (tensors: bigint, entries: bigint, version = 3) => {
    const bytes = new Uint8Array(24)
    const view = new DataView(bytes.buffer)
    bytes.set(new TextEncoder().encode('GGUF'))
    view.setUint32(4, version, true)
    view.setBigUint64(8, tensors, true)
    view.setBigUint64(16, entries, true)
    return bytes
  }
  const entry = (...parts: (string | number | bigint)[]) => {
    const out: number[] = []
    for (const part of parts) {
      const view = new DataView(new ArrayBuffer(8))
      if (typeof part === 'string') {
        view.setBigUint64(0, BigInt(part.length), true)
        out.push(...new Uint8Array(view.buffer), ...new TextEncoder().encode(part))
      } else if (typeof part === 'bigint') {
        view.setBigUint64(0, part, true)
        out.push(...new Uint8Array(view.buffer))
      } else {
        view.setUint32(0, part, true)
        out.push(...new Uint8Array(view.buffer, 0, 4))
      }
    }
    return Uint8Array.from(out)
  }
  const joined = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts))
  const one = (...parts: (string | number | bigint)[]) => joined(header(0n, 1n), entry(...parts))
  const row = (...parts: (string | number | bigint)[]) =>
    joined(header(1n, 0n), entry(...parts), new Uint8Array(64))
  const two = (first: bigint, second: bigint) =>
    joined(header(2n, 0n), entry('a', 1, 8n, 0, first, 'b', 1, 8n, 0, second), new Uint8Array(160))

  for (const [what, bytes, code, word] of [
    ['no bytes', new Uint8Array(0), 'malformed', 'cut off'],
    ['another magic', new Uint8Array(24), 'malformed', 'GGUF'],
    ['version 1', header(0n, 0n, 1), 'unsupported', 'version'],
    ['a big-endian file', header(0n, 0n, 3 << 24), 'unsupported', 'version'],
    ['2^63 tensors', header(2n ** 63n, 0n), 'malformed', 'tensors'],
    ['2^40 entries', header(0n, 2n ** 40n), 'malformed', 'entries'],
    ['an entry that is cut', one('key', 4), 'malformed', 'cut off'],
    ['an entry of no type', one('key', 99), 'malformed', 'type 99'],
    ['a key of 2^40 bytes', one(2n ** 40n), 'malformed', 'bytes in a text'],
    ['an array of arrays', one('key', 9, 9, 1n), 'malformed', 'arrays in an array'],
    ['a long array', one('k', 9, 0, BigInt(GGUF_ARRAY_LENGTH_MAX + 1)), 'malformed', 'members'],
    ['neither true nor false', joined(one('k', 7), Uint8Array.of(2)), 'malformed', 'true or false'],
    ['a key twice', joined(header(0n, 2n), entry('k', 4, 1, 'k', 4, 2)), 'malformed', 'twice'],
    ['an alignment of 3', one('general.alignment', 4, 3), 'malformed', 'multiple of 8'],
    ['no dimension', row('a', 0, 0, 0n), 'malformed', '0 dimensions'],
    ['five dimensions', row('a', 5, 1n, 1n, 1n, 1n, 1n, 0, 0n), 'malformed', '5 dimensions'],
    ['a type that is not read', row('a', 1, 32n, 20, 0n), 'unsupported', 'IQ4_NL'],
    ['another', row('a', 1, 32n, 39, 0n), 'unsupported', 'MXFP4'],
    ['a type of no tensor', row('a', 1, 32n, 77, 0n), 'unsupported', 'type 77'],
    ['a row that is no block', row('a', 1, 31n, 8, 0n), 'malformed', 'Q8_0'],
    ['an offset between', row('a', 1, 4n, 0, 5n), 'malformed', 'aligned'],
    ['a tensor beyond the end', row('a', 1, 4000n, 0, 0n), 'malformed', 'beyond'],
    ['a tensor of 2^80 bytes', row('a', 2, 2n ** 40n, 2n ** 40n, 0, 0n), 'malformed', 'beyond'],
    ['two that overlap', two(0n, 0n), 'malformed', 'overlaps'],
    [
      'a name twice',
      joined(header(2n, 0n), entry('a', 1, 8n, 0, 0n, 'a', 1, 8n, 0, 32n), new Uint8Array(160)),
      'malformed',
      'twice',
    ],
  ] as const) {
    test(what, () => expectModelError(() => parse(bytes), code, [word]))
  }
  test('two side by side are taken', () => expect(parse(two(0n, 32n)).tensors.size).toBe(2))
})

test('whatever the bytes are, nothing but a ModelError is thrown', () => {
  fc.assert(
    fc.property(damaged(FILE), (cut) => {
      try {
        const header = parse(cut)
        for (const { type, begin, end } of header.tensors.values()) {
          dequantise(type, cut.subarray(begin, end), 'any')
        }
        ggufCompanions(header, fileBytes(cut))
      } catch (error) {
        if (!(error instanceof ModelError)) throw error
      }
    }),
    { numRuns: 3000 },
  )
})
