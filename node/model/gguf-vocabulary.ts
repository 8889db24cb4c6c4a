/**
 * The tokenizer of a GGUF file as tokenizer.json and tokenizer_config.json, so that one library
 * reads all.
 *
 * `gpt2` is byte-level BPE with its merges. `llama` is SentencePiece, which has scores instead: of
 * two neighbours the pair is merged that makes the word of the highest score, so its merges are all
 * ways to make a word of two, by that score.
 * Source: llama.cpp, src/llama-vocab.cpp; transformers, convert_slow_tokenizer.py
 * (`generate_merges`).
 */
import { ModelError } from './errors.ts'
import type { GgufHeader } from './gguf.ts'
import type { GgufScalar } from './gguf-format.ts'
import { PRE_TOKENIZERS, preTokenizerName } from './pre-tokenizers.ts'

/** What llama.cpp calls a kind of token. Source: llama.h, `llama_token_type`. */
const UNKNOWN = 2
const CONTROL = 3
const USER_DEFINED = 4

/**
 * Longest word of SentencePiece, all of whose cuts are tried: Gemma's is a line of 31 spaces.
 */
const PIECE_LENGTH_MAX = 256

/** How SentencePiece writes a space. */
const SPACE = '▁'

interface Vocabulary {
  tokens: readonly string[]
  kinds: readonly number[]
}

export interface TokenizerJsons {
  tokenizer: object
  tokenizerConfig: object
}

/** @throws ModelError `unsupported` for a tokenizer that we would not cut texts like */
export function ggufVocabulary(header: GgufHeader): TokenizerJsons {
  const entries = entriesOf(header)
  const tokens = entries.list('tokens', 'string')
  const kinds = entries.list('token_type', 'number')
  if (tokens === null) throw missing('tokens')
  const vocabulary: Vocabulary = { tokens, kinds: kinds ?? tokens.map(() => 1) }
  const special = specialTokens(entries, tokens)
  const model = entries.text('model')
  if (model !== 'gpt2' && model !== 'llama') throw unsupported('model', model, 'gpt2 or llama')
  const isBytes = model === 'gpt2'
  const body = isBytes ? byteLevel(entries, vocabulary) : sentencePiece(entries, vocabulary)
  const addsBos = entries.flag('add_bos_token') ?? (!isBytes || body.addsBos)
  const chatTemplate = header.metadata.get('tokenizer.chat_template')
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: addedTokens(vocabulary),
      ...body.json,
      post_processor: addsBos ? beginWith(special.bos, tokens) : null,
    },
    tokenizerConfig: {
      bos_token: special.bos,
      eos_token: special.eos,
      unk_token: special.unknown,
      pad_token: special.padding,
      add_bos_token: addsBos,
      chat_template: chatTemplate?.type === 'string' ? chatTemplate.value : undefined,
      clean_up_tokenization_spaces: false,
      // Which takes tokenizer.json as it is; others make one of their own.
      tokenizer_class: 'PreTrainedTokenizerFast',
    },
  }
}

type Entries = ReturnType<typeof entriesOf>

function entriesOf({ metadata }: GgufHeader) {
  const find = (key: string) => metadata.get(`tokenizer.ggml.${key}`)
  return {
    text(key: string): string | null {
      const value = find(key)
      return value?.type === 'string' ? value.value : null
    },
    flag(key: string): boolean | null {
      const value = find(key)
      return value?.type === 'bool' ? value.value : null
    },
    count(key: string): number | null {
      const value = find(key)
      return value !== undefined && typeof value.type === 'string' && 'value' in value
        ? Number(value.value)
        : null
    },
    list<K extends 'string' | 'number'>(
      key: string,
      kind: K,
    ): (K extends 'string' ? string : number)[] | null {
      const value = find(key)
      if (value?.type !== 'array') return null
      const isKind = (member: GgufScalar['value']) => typeof member === kind
      if (!value.values.every(isKind)) throw unsupported(key, `a list of ${value.of}`, `${kind}s`)
      return value.values as (K extends 'string' ? string : number)[]
    },
  }
}

function specialTokens(entries: Entries, tokens: readonly string[]) {
  const named = (key: string): string | null => {
    const id = entries.count(`${key}_token_id`)
    if (id === null) return null
    const token = tokens[id]
    if (token === undefined) throw unsupported(`${key}_token_id`, id, `below ${tokens.length}`)
    return token
  }
  const eos = named('eos')
  if (eos === null) throw missing('eos_token_id')
  return { eos, bos: named('bos'), unknown: named('unknown'), padding: named('padding') }
}

function addedTokens({ tokens, kinds }: Vocabulary) {
  return tokens.flatMap((content, id) => {
    const kind = kinds[id]
    if (kind !== CONTROL && kind !== USER_DEFINED && kind !== UNKNOWN) return []
    return {
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: kind !== USER_DEFINED,
    }
  })
}

function beginWith(bos: string | null, tokens: readonly string[]) {
  if (bos === null) throw missing('bos_token_id')
  const begin = { SpecialToken: { id: bos, type_id: 0 } }
  const [a, b] = ['A', 'B'].map((id) => ({ Sequence: { id, type_id: 0 } }))
  return {
    type: 'TemplateProcessing',
    single: [begin, a],
    pair: [begin, a, b],
    special_tokens: { [bos]: { id: bos, ids: [tokens.indexOf(bos)], tokens: [bos] } },
  }
}

interface Body {
  json: object
  /** Where the file does not say. */
  addsBos: boolean
}

function byteLevel(entries: Entries, { tokens }: Vocabulary): Body {
  const given = entries.text('pre')
  const name = preTokenizerName(given)
  if (name === null) throw unsupported('pre', given, Object.keys(PRE_TOKENIZERS).join(' or '))
  const merges = entries.list('merges', 'string')
  if (merges === null) throw missing('merges')
  const decoder = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true }
  const isLlama3 = name === 'llama-bpe'
  return {
    json: {
      normalizer: name === 'qwen2' ? { type: 'NFC' } : null,
      pre_tokenizer: PRE_TOKENIZERS[name],
      decoder,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        fuse_unk: false,
        byte_fallback: false,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        ignore_merges: isLlama3,
        vocab: idsOf(tokens),
        merges,
      },
    },
    addsBos: isLlama3,
  }
}

function sentencePiece(entries: Entries, { tokens, kinds }: Vocabulary): Body {
  const scores = entries.list('scores', 'number')
  if (scores === null || scores.length !== tokens.length) throw missing('scores')
  const unknown = tokens.find((_, id) => kinds[id] === UNKNOWN) ?? null
  const addsSpace = entries.flag('add_space_prefix') ?? true
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: SPACE }
  const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 }
  return {
    json: {
      normalizer: {
        type: 'Sequence',
        normalizers: [...(addsSpace ? [{ type: 'Prepend', prepend: SPACE }] : []), spaces],
      },
      pre_tokenizer: null,
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          ...(addsSpace ? [strip] : []),
        ],
      },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: unknown,
        fuse_unk: true,
        byte_fallback: true,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        ignore_merges: false,
        vocab: idsOf(tokens),
        merges: mergesOf(tokens, scores),
      },
    },
    addsBos: true,
  }
}

/** Pairs that make a word, the highest score first; of one word, by the ids of their parts. */
function mergesOf(tokens: readonly string[], scores: readonly number[]): string[] {
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const pairs: { left: string; right: string; score: number; order: number }[] = []
  for (const [index, token] of tokens.entries()) {
    if (token.length > PIECE_LENGTH_MAX) {
      const found = `${token.length} in token ${index}`
      throw unsupported('tokens', found, `at most ${PIECE_LENGTH_MAX} letters long`)
    }
    const letters = [...token]
    const ways: { left: string; right: string }[] = []
    for (let cut = 1; cut < letters.length; cut++) {
      const [left, right] = [letters.slice(0, cut).join(''), letters.slice(cut).join('')]
      if (ids.has(left) && ids.has(right)) ways.push({ left, right })
    }
    ways.sort(
      (a, b) => ids.get(a.left)! - ids.get(b.left)! || ids.get(a.right)! - ids.get(b.right)!,
    )
    for (const way of ways) pairs.push({ ...way, score: scores[index]!, order: pairs.length })
  }
  pairs.sort((a, b) => b.score - a.score || a.order - b.order)
  return pairs.map(({ left, right }) => `${left} ${right}`)
}

function idsOf(tokens: readonly string[]): Record<string, number> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]))
}

function missing(key: string): ModelError {
  return new ModelError(
    'missing',
    `Cannot use this GGUF file as it lacks 'tokenizer.ggml.${key}', without which no text ` +
      'becomes tokens: give one that holds its tokenizer, or the folder of the model',
  )
}

function unsupported(key: string, value: unknown, expected: string): ModelError {
  return new ModelError(
    'unsupported',
    `Cannot use this GGUF file as its 'tokenizer.ggml.${key}' must be ${expected}: ` +
      `current value is ${JSON.stringify(value)}. The folder of the model on the hub may do.`,
  )
}
