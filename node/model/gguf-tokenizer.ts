/**
 * tokenizer.json as llama.cpp wants it: the words by id, their kinds, the merges, and the name of
 * the rule that cuts a text into pieces before any merge.
 *
 * llama.cpp has these rules in its source and knows them by name alone, so only those are taken
 * whose tokenizer.json is known to mean the same; another would give other tokens, silently.
 * Source: llama.cpp, src/llama-vocab.cpp (`llm_tokenizer_bpe`); gguf-py, `SpecialVocab`.
 */
import { z } from 'zod'
import { boundedTokenizer } from './bounded-tokenizer.ts'
import { modelTemplate, TEMPLATE_FILE } from './chat-template.ts'
import { ModelError } from './errors.ts'
import type { GgufValue } from './gguf-format.ts'
import { parseJson } from './json.ts'
import { PRE_TOKENIZERS } from './pre-tokenizers.ts'
import { turnEnd } from './stops.ts'

export interface TokenizerFiles {
  tokenizer: Uint8Array
  config: Uint8Array
  /** chat_template.jinja, where the template has a file of its own. */
  chatTemplate: string | null
}

/** What llama.cpp calls a kind of token. Source: llama.h, `llama_token_type`. */
const KINDS = { normal: 1, control: 3, userDefined: 4, unused: 5 } as const

const absent = z.union([z.null(), z.literal('')]).optional()

const tokenizerSchema = z.object({
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  added_tokens: z.array(
    z.object({ id: z.number().int().min(0), content: z.string(), special: z.boolean() }),
  ),
  model: z.object({
    type: z.string(),
    vocab: z.record(z.string(), z.number().int().min(0)),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
    byte_fallback: z.literal(false).optional(),
    ignore_merges: z.boolean().optional(),
    dropout: z.null().optional(),
    continuing_subword_prefix: absent,
    end_of_word_suffix: absent,
  }),
})
type TokenizerJson = z.infer<typeof tokenizerSchema>

const kindSchema = z.looseObject({ model: z.looseObject({ type: z.string().optional() }) })

const special = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish()
type SpecialToken = z.infer<typeof special>
const template = z.union([
  z.string(),
  z.array(z.object({ name: z.string(), template: z.string() })),
])
const configSchema = z.looseObject({
  bos_token: special,
  eos_token: special,
  unk_token: special,
  pad_token: special,
  chat_template: template.nullish(),
})
type TokenizerConfig = z.infer<typeof configSchema>

/** How a chat looks. */
export interface ChatFormat {
  /** A text in Jinja; null: the base was not made to chat. */
  chatTemplate: string | null
  /** What ends a text. */
  stop: string
}

export function chatFormat({
  config,
  chatTemplate,
}: Omit<TokenizerFiles, 'tokenizer'>): ChatFormat {
  const json = parseJson(config, 'tokenizer_config.json', configSchema)
  return { chatTemplate: chatTemplate ?? templateOf(json), stop: contentOf(json.eos_token) ?? '' }
}

/**
 * The entries `tokenizer.*` for a model of `vocabSize` rows.
 * @throws ModelError `unsupported` for a tokenizer that llama.cpp would not cut texts like.
 */
export function ggufTokenizer(
  files: TokenizerFiles,
  vocabSize: number,
): [key: string, value: GgufValue][] {
  const json = readTokenizer(files.tokenizer)
  const config = parseJson(files.config, 'tokenizer_config.json', configSchema)
  const { tokens, kinds } = tokensOf(json, vocabSize)
  const text = (value: string): GgufValue => ({ type: 'string', value })
  const entries: [string, GgufValue][] = [
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text(preTokenizerOf(json))],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', values: tokens }],
    ['tokenizer.ggml.token_type', { type: 'array', of: 'i32', values: kinds }],
    [
      'tokenizer.ggml.merges',
      { type: 'array', of: 'string', values: json.model.merges.map(mergeText) },
    ],
    ...specialEntries(files, config, tokens),
  ]
  const { chatTemplate } = chatFormat(files)
  if (chatTemplate !== null) entries.push(['tokenizer.chat_template', text(chatTemplate)])
  return entries
}

/** Those of the entries that tell how a chat is written, and what ends a turn of it. */
export function chatEntries(files: TokenizerFiles): [key: string, value: GgufValue][] {
  const { chatTemplate } = chatFormat(files)
  if (chatTemplate === null) return []
  const end = endOfTurn(files)
  const entries: [string, GgufValue][] = [
    ['tokenizer.chat_template', { type: 'string', value: chatTemplate }],
  ]
  if (end !== null) entries.push(['tokenizer.ggml.eot_token_id', { type: 'u32', value: end }])
  return entries
}

/** These rules take a piece that is a word whole, whether merges lead to it or not. */
const IGNORES_MERGES = ['llama-bpe']

function readTokenizer(bytes: Uint8Array): TokenizerJson {
  const { model } = parseJson(bytes, 'tokenizer.json', kindSchema)
  if (model.type !== 'BPE') throw unsupported(`its model is '${model.type}' instead of 'BPE'`)
  return parseJson(bytes, 'tokenizer.json', tokenizerSchema)
}

function preTokenizerOf({ normalizer, pre_tokenizer: given, model }: TokenizerJson): string {
  const known = canonical(given)
  const name = Object.keys(PRE_TOKENIZERS).find((key) => canonical(PRE_TOKENIZERS[key]) === known)
  if (name === undefined) throw unsupported('llama.cpp has no pre-tokenizer like its own')
  if ((model.ignore_merges ?? false) !== IGNORES_MERGES.includes(name)) {
    throw unsupported(`llama.cpp looks for whole words otherwise than it does, under '${name}'`)
  }
  // Qwen's files name NFC, which llama.cpp leaves out for it as for all.
  const plain = normalizer ?? null
  const isNfc = canonical(plain) === canonical({ type: 'NFC' })
  if (plain === null || (isNfc && name === 'qwen2')) return name
  throw unsupported('it normalizes texts, which llama.cpp does not')
}

/** JSON with sorted keys and without what changes offsets alone. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (key, part) => {
    if (key === 'trim_offsets') return undefined
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

function tokensOf(
  { model, added_tokens: added }: TokenizerJson,
  vocabSize: number,
): { tokens: string[]; kinds: number[] } {
  // A model may have more rows than its tokenizer has words.
  const tokens = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`)
  const kinds = new Array<number>(vocabSize).fill(KINDS.unused)
  const put = (id: number, token: string, kind: number) => {
    if (id >= vocabSize) throw unsupported(`it has the token ${id}, the model ${vocabSize} rows`)
    tokens[id] = token
    kinds[id] = kind
  }
  for (const [token, id] of Object.entries(model.vocab)) put(id, token, KINDS.normal)
  for (const { id, content, special } of added) {
    put(id, content, special ? KINDS.control : KINDS.userDefined)
  }
  return { tokens, kinds }
}

function mergeText(merge: string | [string, string]): string {
  const parts = typeof merge === 'string' ? merge.split(' ') : merge
  if (parts.length === 2 && parts.every((part) => part !== '' && !part.includes(' '))) {
    return parts.join(' ')
  }
  throw unsupported(`its merge ${JSON.stringify(merge)} is not two words`)
}

function specialEntries(
  files: TokenizerFiles,
  config: TokenizerConfig,
  tokens: readonly string[],
): [string, GgufValue][] {
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const idOf = (token: SpecialToken) => ids.get(contentOf(token) ?? '')
  // A tokenizer without a begin never adds one; llama.cpp still wants to know which it would be.
  const eos = idOf(config.eos_token)
  const bos = idOf(config.bos_token) ?? eos
  const end = endOfTurn(files)
  const named = [
    ['bos', bos],
    ['eos', eos],
    ['unknown', idOf(config.unk_token)],
    ['padding', idOf(config.pad_token)],
    ['eot', end === null || end === eos ? undefined : end],
  ] as const
  const tokenizer = boundedTokenizer(files.tokenizer, files.config)
  const around = tokenizer.encodeWhole('')
  return [
    ...named.flatMap(([name, id]): [string, GgufValue][] =>
      id === undefined ? [] : [[`tokenizer.ggml.${name}_token_id`, { type: 'u32', value: id }]],
    ),
    [
      'tokenizer.ggml.add_bos_token',
      { type: 'bool', value: around.length > 0 && around[0] === bos },
    ],
  ]
}

/** What ends a turn; null: nothing that is known. */
function endOfTurn(files: TokenizerFiles): number | null {
  const companions = new Map([['tokenizer_config.json', files.config]])
  const { chatTemplate } = chatFormat(files)
  if (chatTemplate === null) return null
  companions.set(TEMPLATE_FILE, new TextEncoder().encode(chatTemplate))
  const template = modelTemplate(companions)
  if (template === null) return null
  return turnEnd(boundedTokenizer(files.tokenizer, files.config), template)
}

const contentOf = (token: SpecialToken) => (typeof token === 'object' ? token?.content : token)

function templateOf({ chat_template: chat }: TokenizerConfig): string | null {
  if (!Array.isArray(chat)) return chat ?? null
  return chat.find(({ name }) => name === 'default')?.template ?? null
}

function unsupported(reason: string): ModelError {
  return new ModelError('unsupported', `Cannot write the tokenizer into a GGUF as ${reason}`)
}
