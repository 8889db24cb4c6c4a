/** What comes with a model: weights, config, tokenizer, chat template, adapter, README. */
import { readFileSync } from 'node:fs'
import { weightsFromBytes } from '../../node/model/base-weights.ts'
import { openChatTemplate } from '../../node/model/chat-template.ts'
import { parseModelConfig } from '../../node/model/config.ts'
import type { FileBytes } from '../../node/model/file-bytes.ts'
import { parseGguf } from '../../node/model/gguf.ts'
import { ggufCompanions } from '../../node/model/gguf-companions.ts'
import {
  type GgufMetadata,
  type GgufValue,
  TENSOR_TYPES,
  type TensorType,
} from '../../node/model/gguf-format.ts'
import { dequantise } from '../../node/model/gguf-numbers.ts'
import { ggufPieces } from '../../node/model/gguf-write.ts'
import { decodePeftAdapter } from '../../node/model/peft.ts'
import { parseAdapterConfig } from '../../node/model/peft-config.ts'
import { encodeSafetensors, parseSafetensors } from '../../node/model/safetensors.ts'
import { withStops } from '../../node/model/stops.ts'
import { tokenizerFromBytes } from '../../node/model/tokenizer.ts'
import { ConfigError, concatBytes } from '../../protocol/index.ts'
import { jsonBytes, type Target, textBytes, textOf } from './target.ts'
import { TINY_CONFIG, TINY_SHAPE } from './tiny-model.ts'

const vectors = (name: string) =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'))
const base64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))

/** A file of a header, which is JSON that can be changed, and data. */
interface SafetensorsSeed {
  header: unknown
  data: Uint8Array
}

function safetensorsSeed(file: Uint8Array): SafetensorsSeed {
  const view = new DataView(file.buffer, file.byteOffset)
  const dataStart = 8 + Number(view.getBigUint64(0, true))
  return { header: JSON.parse(textOf(file.subarray(8, dataStart))), data: file.slice(dataStart) }
}

function writeSafetensors(value: unknown): Uint8Array {
  const { header, data } = Object(value) as Partial<SafetensorsSeed>
  const json = jsonBytes(header ?? null)
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true)
  return concatBytes(length, json, data instanceof Uint8Array ? data : new Uint8Array(0))
}

const SAFETENSORS = safetensorsSeed(base64(vectors('model.json').safetensors.file))
const SMALL = encodeSafetensors(
  [
    { name: 'model.norm.weight', shape: [8], values: new Float32Array(8) },
    { name: 'model.embed_tokens.weight', shape: [12, 8], values: new Float32Array(96) },
  ],
  { format: 'pt' },
)
const BLOCKS: Record<string, { blocks: string }> = vectors('gguf-blocks.json')

const inMemory = (bytes: Uint8Array): FileBytes => ({
  bytes: bytes.length,
  read: (begin, end) => bytes.subarray(begin, end),
})

const text = (value: string) => ({ type: 'string', value }) as const
const count = (value: number) => ({ type: 'u32', value }) as const
const real = (value: number) => ({ type: 'f32', value }) as const

/** A whole model's file but for its layers: the parts that tell of it. */
const GGUF: GgufMetadata = new Map<string, GgufValue>([
  ['general.architecture', text('llama')],
  ['llama.context_length', count(64)],
  ['llama.embedding_length', count(8)],
  ['llama.block_count', count(1)],
  ['llama.feed_forward_length', count(12)],
  ['llama.attention.head_count', count(2)],
  ['llama.attention.head_count_kv', count(1)],
  ['llama.attention.layer_norm_rms_epsilon', real(1e-6)],
  ['llama.rope.freq_base', real(10_000)],
  ['llama.vocab_size', count(6)],
  ['tokenizer.ggml.model', text('gpt2')],
  ['tokenizer.ggml.pre', text('gpt-2')],
  [
    'tokenizer.ggml.tokens',
    { type: 'array', of: 'string', values: ['a', 'b', 'c', 'ab', 'abc', '</s>'] },
  ],
  ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', values: [1, 1, 1, 1, 1, 3] }],
  ['tokenizer.ggml.merges', { type: 'array', of: 'string', values: ['a b', 'ab c'] }],
  ['tokenizer.ggml.eos_token_id', count(5)],
  ['tokenizer.ggml.bos_token_id', count(5)],
])
const PIECES: GgufMetadata = new Map<string, GgufValue>([
  ...GGUF,
  ['tokenizer.ggml.model', text('llama')],
  [
    'tokenizer.ggml.tokens',
    { type: 'array', of: 'string', values: ['<unk>', '▁', 'a', 'b', 'ab', '</s>'] },
  ],
  ['tokenizer.ggml.scores', { type: 'array', of: 'f32', values: [0, -1, -2, -3, -4, 0] }],
  ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', values: [2, 1, 1, 1, 1, 3] }],
])

const ggufOf = (metadata: GgufMetadata): Uint8Array =>
  concatBytes(
    ...ggufPieces({
      metadata,
      tensors: [
        { name: 'output_norm.weight', type: 'F32', shape: [8], pieces: () => [new Uint8Array(32)] },
        {
          name: 'token_embd.weight',
          type: 'F16',
          shape: [6, 8],
          pieces: () => [new Uint8Array(96)],
        },
      ],
    }),
  )

function readGguf(input: Uint8Array): void {
  const file = inMemory(input)
  const header = parseGguf(file)
  const companions = ggufCompanions(header, file)
  parseModelConfig(companions.get('config.json')!)
  tokenizerFromBytes(companions.get('tokenizer.json')!, companions.get('tokenizer_config.json')!)
  weightsFromBytes(TINY_SHAPE, input).tensor('model.norm.weight')
}

const TYPES = Object.keys(BLOCKS) as TensorType[]

/** The first byte says of which type the blocks are. */
const blocksOf = (type: TensorType, index: number) =>
  concatBytes(Uint8Array.of(index), base64(BLOCKS[type]!.blocks))

/** Whoever asks for them has found that they are whole blocks. */
function readBlocks([type = 0, ...bytes]: Uint8Array): void {
  const name = TYPES[type % TYPES.length]!
  const { blockBytes } = TENSOR_TYPES[name]
  const whole = bytes.length - (bytes.length % blockBytes)
  dequantise(name, Uint8Array.from(bytes.slice(0, whole)), 'blocks')
}

const SENTENCE = "Call me Ishmael. It's 12345 years\r\n\r\n  ago — naïve 日本 👩‍👩‍👧 <|endoftext|>"
const TOKENIZERS: Record<string, { tokenizer: unknown }> = vectors('tokenizers.json')
const PARTS: { tokenizer: unknown; vocabulary: string }[] = vectors('tokenizer-parts.json').made
const CONFIG = {
  eos_token: '<|endoftext|>',
  bos_token: { content: 'a' },
  chat_template: '{{ messages[0].content }}',
}

const FEW = { vocab: { a: 0, b: 1, Ġ: 2, ab: 3, '<|endoftext|>': 4 }, merges: [['a', 'b']] }

/** Each of the parts that is done, over a vocabulary of few words. */
function tokenizerSeeds(): unknown[] {
  const made = PARTS.map(({ tokenizer }) => tokenizer as object)
  const whole = Object.values(TOKENIZERS).map(({ tokenizer }) => tokenizer as object)
  return [...made, ...whole].map((tokenizer) => {
    const added = {
      id: 4,
      content: '<|endoftext|>',
      special: true,
      normalized: false,
      lstrip: false,
      rstrip: false,
      single_word: false,
    }
    const model = { ...Object(Reflect.get(tokenizer, 'model')), ...FEW }
    return { tokenizer: { ...tokenizer, model, added_tokens: [added] }, config: CONFIG }
  })
}

function writeTokenizer(value: unknown): Uint8Array {
  return jsonBytes(value)
}

function readTokenizer(input: Uint8Array): void {
  // Both files are in one input: what is no JSON meets the first, as it is.
  const { tokenizer, config } = partsOf(input)
  const read = withStops(
    tokenizerFromBytes(tokenizer, config),
    new Map([['generation_config.json', config]]),
    null,
  )
  for (const ids of [read.encode(SENTENCE), read.encodeWhole(SENTENCE)]) read.decode(ids)
}

function partsOf(input: Uint8Array): { tokenizer: Uint8Array; config: Uint8Array } {
  try {
    const { tokenizer, config } = JSON.parse(textOf(input))
    return { tokenizer: jsonBytes(tokenizer), config: jsonBytes(config) }
  } catch {
    return { tokenizer: input, config: jsonBytes(CONFIG) }
  }
}

const MESSAGES = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Tide?' },
  {
    role: 'assistant',
    content: '',
    tool_calls: [{ type: 'function', function: { name: 'tide', arguments: { at: 1.5 } } }],
  },
  { role: 'tool', content: '2 m' },
  { role: 'assistant', content: [{ type: 'text', text: '2 m.' }] },
]
const TOOLS = [{ type: 'function', function: { name: 'tide', parameters: { type: 'object' } } }]

function templateSeeds(): Uint8Array[] {
  const { small }: { small: [string, unknown][] } = vectors('templates.json')
  const names = ['chatml', 'gemma', 'llama-3.1', 'mistral', 'qwen3', 'zephyr']
  const whole = names.map((name) =>
    readFileSync(new URL(`../vectors/templates/${name}.jinja`, import.meta.url)),
  )
  return [
    ...whole,
    ...small.filter((_, index) => index % 13 === 0).map(([source]) => textBytes(source)),
  ]
}

function readTemplate(input: Uint8Array): void {
  const template = openChatTemplate(new Map([['chat_template.jinja', input]]))
  template.render(MESSAGES, true, { tools: TOOLS })
  template.generated(MESSAGES)
}

const ADAPTER: { config: object; weights: string } = vectors('model.json').peft

export const MODEL_TARGETS: readonly Target[] = [
  {
    name: 'safetensors',
    mayRefuseSeeds: true,
    seeds: () => [SAFETENSORS, safetensorsSeed(SMALL)],
    write: writeSafetensors,
    read: (input) => {
      const file = parseSafetensors(input)
      for (const name of file.header.tensors.keys()) file.tensor(name)
      weightsFromBytes(TINY_SHAPE, input).tensor('model.norm.weight')
    },
    throws: [ConfigError],
  },
  {
    name: 'gguf',
    mayRefuseSeeds: true,
    seeds: () => [ggufOf(GGUF), ggufOf(PIECES), base64(vectors('gguf.json').file.bytes)],
    read: readGguf,
    throws: [ConfigError],
  },
  {
    name: 'gguf-blocks',
    seeds: () => TYPES.map(blocksOf),
    read: readBlocks,
    throws: [ConfigError],
  },
  {
    name: 'model-config',
    seeds: () => [
      TINY_CONFIG,
      ...Object.values(vectors('families.json') as Record<string, { config: unknown }>).map(
        ({ config }) => config,
      ),
    ],
    write: jsonBytes,
    read: parseModelConfig,
    throws: [ConfigError],
  },
  {
    name: 'tokenizer',
    seeds: tokenizerSeeds,
    write: writeTokenizer,
    read: readTokenizer,
    throws: [ConfigError],
    isEnded: true,
  },
  {
    name: 'chat-template',
    mayRefuseSeeds: true,
    seeds: templateSeeds,
    read: readTemplate,
    throws: [ConfigError],
  },
  {
    name: 'adapter',
    seeds: () => [safetensorsSeed(base64(ADAPTER.weights))],
    write: writeSafetensors,
    read: (input) => {
      const base = { model: Object.assign({}, TINY_SHAPE, { layerCount: 2 }), baseDigest: '' }
      decodePeftAdapter(jsonBytes(ADAPTER.config), input, base)
    },
    throws: [ConfigError],
  },
  {
    name: 'adapter-config',
    seeds: () => [ADAPTER.config],
    write: jsonBytes,
    read: (input) => void parseAdapterConfig(input, TINY_SHAPE),
    throws: [ConfigError],
  },
]
