/**
 * Text to token ids and back, by the tokenizer.json of a Hugging Face model: what the Rust library
 * of the same name makes of it, for byte-pair encoding, which all models of the LLaMA family use.
 * What it does otherwise is refused by name. Runs in a browser as in Node.
 * Source: tokenizers (Rust), tokenizer/mod.rs.
 */
import { z } from 'zod'
import { VOCABULARY_MAX } from '../../protocol/index.ts'
import { ModelError } from './errors.ts'
import { parseJson } from './json.ts'
import { type AddedToken, addedTokenSchema, createFinder } from './tokenizers/added-tokens.ts'
import { bpeSchema, createBpe } from './tokenizers/bpe.ts'
import { cutOf, cutSchema } from './tokenizers/cuts.ts'
import { decoderOf, decoderSchema } from './tokenizers/decoders.ts'
import { normalizerOf, normalizerSchema } from './tokenizers/normalizers.ts'
import { aroundOf, processorSchema } from './tokenizers/post-processors.ts'

export interface TextTokenizer {
  /** All ids are below. */
  vocabSize: number
  /** Ends a document, and stands between two. */
  eosId: number
  /** End a text that is being written. */
  stopIds: readonly number[]
  /** The ids of the text alone: no begin or end is added. */
  encode(text: string): Int32Array
  /** The ids as the model expects a text, with the begin that its tokenizer may add. */
  encodeWhole(text: string): Int32Array
  decode(ids: Iterable<number>): string
  /** The ids of tokens that are found in a text as they are, such as those that end a turn. */
  addedIds: ReadonlySet<number>
}

const TITLE = 'tokenizer.json'

const tokenizerSchema = z.looseObject({
  model: bpeSchema,
  added_tokens: z.array(addedTokenSchema).max(VOCABULARY_MAX).default([]),
  normalizer: normalizerSchema.nullish(),
  pre_tokenizer: cutSchema.nullish(),
  post_processor: processorSchema.nullish(),
  decoder: decoderSchema.nullish(),
})
type TokenizerJson = z.infer<typeof tokenizerSchema>

/** A special token is its text, or an object with it. */
const specialToken = z.union([z.string(), z.looseObject({ content: z.string() })])
const tokenizerConfigSchema = z.looseObject({
  eos_token: specialToken,
  added_tokens_decoder: z
    .record(z.string().regex(/^\d{1,9}$/), addedTokenSchema.omit({ id: true }))
    .nullish(),
})
type TokenizerConfig = z.infer<typeof tokenizerConfigSchema>

/**
 * The tokenizer from the bytes of tokenizer.json and tokenizer_config.json.
 * @throws ModelError when one is broken, says what we do not do, or names no end of text
 */
export function tokenizerFromBytes(tokenizer: Uint8Array, config: Uint8Array): TextTokenizer {
  const settings = parseJson(config, 'tokenizer_config.json', tokenizerConfigSchema)
  checkParts(parseJson(tokenizer, TITLE, partsSchema))
  const json = parseJson(tokenizer, TITLE, tokenizerSchema)
  json.added_tokens = addedTokens(json, settings)
  const engine = build(json)
  const { eos_token: eos } = settings
  const eosText = typeof eos === 'string' ? eos : eos.content
  const eosId = engine.ids.get(eosText)
  if (eosId === undefined) {
    throw new ModelError(
      'malformed',
      `Cannot use the tokenizer as its eos_token '${eosText}' is not in its vocabulary`,
    )
  }
  return {
    vocabSize: engine.vocabSize,
    eosId,
    stopIds: [eosId],
    encode: (text) => Int32Array.from(engine.encode(text)),
    encodeWhole: (text) =>
      Int32Array.from([engine.around.before, engine.encode(text), engine.around.after].flat()),
    decode: (ids) => engine.decode(ids),
    addedIds: new Set(json.added_tokens.map(({ id }) => id)),
  }
}

/** tokenizer_config.json may change the flags of added tokens, and add more, as in transformers. */
function addedTokens(json: TokenizerJson, { added_tokens_decoder: more }: TokenizerConfig) {
  const tokens = new Map(json.added_tokens.map((token) => [token.content, token]))
  for (const [id, token] of Object.entries(more ?? {})) {
    const known = tokens.get(token.content)
    tokens.set(token.content, { ...token, id: known?.id ?? Number(id) })
  }
  // One without a text is found nowhere, and the Rust library passes it over.
  tokens.delete('')
  return [...tokens.values()]
}

const part = z.looseObject({ type: z.string() }).nullish()
const partsSchema = z.looseObject({
  model: z.looseObject({ type: z.string().optional() }),
  normalizer: part,
  pre_tokenizer: part,
  post_processor: part,
  decoder: part,
})

/** What is done here, of all that the Rust library knows. */
const DONE: readonly [part: keyof z.infer<typeof partsSchema>, types: readonly string[]][] = [
  ['model', ['BPE']],
  [
    'normalizer',
    [
      'Sequence',
      'NFC',
      'NFD',
      'NFKC',
      'NFKD',
      'Lowercase',
      'StripAccents',
      'Prepend',
      'Replace',
      'Strip',
    ],
  ],
  [
    'pre_tokenizer',
    [
      'Sequence',
      'ByteLevel',
      'Split',
      'Digits',
      'Punctuation',
      'Metaspace',
      'Whitespace',
      'WhitespaceSplit',
    ],
  ],
  ['post_processor', ['Sequence', 'ByteLevel', 'TemplateProcessing']],
  ['decoder', ['Sequence', 'ByteLevel', 'ByteFallback', 'Fuse', 'Replace', 'Strip', 'Metaspace']],
]

function checkParts(parts: z.infer<typeof partsSchema>): void {
  for (const [name, types] of DONE) {
    const type = (parts[name] as { type?: string } | null | undefined)?.type ?? types[0]!
    if (types.includes(type)) continue
    throw new ModelError(
      'unsupported',
      `Cannot use ${TITLE} as the type of its '${name}' must be ${types.join(' or ')}: ` +
        `current value is ${JSON.stringify(type)}`,
    )
  }
}

/** Whatever is wrong within is the file's fault. */
function build(json: TokenizerJson) {
  try {
    return createEngine(json)
  } catch (error) {
    if (error instanceof ModelError) throw error
    throw new ModelError('malformed', `Cannot use ${TITLE}: ${(error as Error).message}`)
  }
}

function createEngine(json: TokenizerJson) {
  checkFirst(json)
  const { ids, tokens } = vocabularyOf(json)
  const normalize = json.normalizer ? normalizerOf(json.normalizer) : (text: string) => text
  const cut = json.pre_tokenizer ? cutOf(json.pre_tokenizer) : null
  const merge = createBpe(json.model)
  const decoder = json.decoder ? decoderOf(json.decoder) : null
  const isNormalized = ({ normalized, special }: AddedToken) => normalized ?? !special
  const findRaw = createFinder(
    json.added_tokens.filter((token) => !isNormalized(token)),
    (content) => content,
  )
  const normalizedTokens = json.added_tokens.filter(isNormalized)
  const findNormalized = createFinder(normalizedTokens, normalize)
  // They are found, and written again, as the normalizer makes them.
  for (const { id, content } of normalizedTokens) tokens.set(id, normalize(content))

  function* idsOf(text: string): Generator<number> {
    for (const { id, from, to } of findRaw(text)) {
      if (id === null) yield* idsOfNormalized(normalize(text.slice(from, to)), from === 0)
      else yield id
    }
  }

  function* idsOfNormalized(text: string, isFirst: boolean): Generator<number> {
    for (const { id, from, to } of findNormalized(text)) {
      if (id === null) yield* idsOfPiece(text.slice(from, to), isFirst && from === 0)
      else yield id
    }
  }

  function* idsOfPiece(text: string, isFirst: boolean): Generator<number> {
    const piece = { text, isFirst }
    for (const part of cut === null ? [piece] : cut(piece)) yield* merge(part.text)
  }

  return {
    ids,
    vocabSize: [...tokens.keys()].reduce((most, id) => Math.max(most, id + 1), 0),
    around: json.post_processor ? aroundOf(json.post_processor) : { before: [], after: [] },
    encode: (text: string) => [...idsOf(text)],
    decode(given: Iterable<number>): string {
      const parts = [...given].flatMap((id) => tokens.get(id) ?? [])
      return decoder === null ? parts.join(' ') : decoder(parts).join('')
    },
  }
}

/** Parts that change where a text begins, so that nobody can say which piece is its first. */
const MOVES = /"(Prepend|Replace|Strip|StripAccents)"/

function checkFirst({ normalizer, pre_tokenizer: cut }: TokenizerJson): void {
  const asksForFirst = JSON.stringify(cut ?? null).includes('"prepend_scheme":"first"')
  const found = asksForFirst ? MOVES.exec(JSON.stringify(normalizer ?? null)) : null
  if (found === null) return
  throw new ModelError(
    'unsupported',
    `Cannot use ${TITLE} as its normalizer has the type ${found[0]}, while the 'prepend_scheme' ` +
      `of its pre_tokenizer is "first": one of the two must go`,
  )
}

/** Words by id and ids by word. @throws ModelError for ids that no model has */
function vocabularyOf({ model, added_tokens: added }: TokenizerJson) {
  const ids = new Map(Object.entries(model.vocab))
  const tokens = new Map<number, string>()
  const put = (id: number, token: string) => {
    if (id >= VOCABULARY_MAX) {
      throw new ModelError(
        'malformed',
        `Cannot use ${TITLE} as the id of '${token}' must be below ${VOCABULARY_MAX}: ` +
          `current value is ${id}`,
      )
    }
    tokens.set(id, token)
  }
  for (const [token, id] of ids) put(id, token)
  // The Rust library gives added tokens the ids that follow the vocabulary's, whatever they say.
  let free = ids.size
  for (const { id, content } of [...added].sort((a, b) => a.id - b.id)) {
    const expected = ids.get(content) ?? free
    if (id !== expected) {
      throw new ModelError(
        'unsupported',
        `Cannot use ${TITLE} as the id of its added token '${content}' must be ${expected}, ` +
          `which the tokenizers library gives it: current value is ${id}`,
      )
    }
    if (expected === free) free += 1
    put(id, content)
    ids.set(content, id)
  }
  return { ids, tokens }
}
