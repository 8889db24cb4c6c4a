/**
 * Each part of tokenizer.json, in many ways, against what the Rust library makes of generated texts
 * (test/vectors/make-tokenizer-parts.py); and what is refused, by name.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ModelErrorCode } from '../../node/model/errors.ts'
import { tokenizerFromBytes } from '../../node/model/tokenizer.ts'
import { bytesOfJson, expectModelError } from './fixtures.ts'

interface Parts {
  added_tokens: { content: string }[]
  model: object
  normalizer: object | null
}
type Case = [text: string, ids: number[], around: number[] | null, back: string]
const {
  vocabularies,
  made,
}: {
  vocabularies: Record<string, object>
  made: { vocabulary: string; tokenizer: Parts; cases: Case[] }[]
} = JSON.parse(readFileSync(new URL('../vectors/tokenizer-parts.json', import.meta.url), 'utf8'))

for (const [index, { vocabulary, tokenizer, cases }] of made.entries()) {
  test(`tokenizer ${index} writes and reads as the Rust library does`, () => {
    const whole = structuredClone(tokenizer)
    Object.assign(whole.model, vocabularies[vocabulary])
    const eos = bytesOfJson({ eos_token: whole.added_tokens[0]!.content })
    const { encode, encodeWhole, decode } = tokenizerFromBytes(bytesOfJson(whole), eos)
    const found = cases.map(([text, ids, around]): Case => {
      const given = around === null ? null : [...encodeWhole(text)]
      return [text, [...encode(text)], given, decode(ids)]
    })
    expect(found).toEqual(cases)
  })
}

const VOCAB = { a: 0, b: 1, ab: 2, p: 3, r: 4, t: 5 }
const added = (id: number, content: string, flags: object = {}) =>
  Object.assign({ id, content, special: true, normalized: false }, flags)
const END = added(6, '</s>')

function tokenizerWith(parts: object, model: object = {}, config: object = {}) {
  const bpe = { type: 'BPE', vocab: VOCAB, merges: ['a b'], unk_token: null }
  const json = {
    added_tokens: [END],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: Object.assign(bpe, model),
  }
  const settings = Object.assign({ eos_token: '</s>' }, config)
  return tokenizerFromBytes(bytesOfJson(Object.assign(json, parts)), bytesOfJson(settings))
}

describe('an added token that is a word of its own', () => {
  const art = added(7, 'art', { single_word: true })
  const { encode } = tokenizerWith({ added_tokens: [END, art] })
  for (const [text, ids] of [
    ['part', [3, 0, 4, 5]],
    ['art', [7]],
    ['art.', [7]],
    ['</s>art', [6, 7]],
    ['artab', [0, 4, 5, 2]],
    ['art_', [0, 4, 5]],
    ['éart', [0, 4, 5]],
  ] as const) {
    test(`${text} is ${ids.join(' ')}`, () => expect([...encode(text)]).toEqual(ids))
  }
})

test('tokenizer_config.json changes the flags of an added token, and adds another', () => {
  const flags = { content: '</s>', lstrip: true, rstrip: true, special: true }
  const added_tokens_decoder = { 6: flags, 7: { content: '<x>', special: true } }
  const { encode } = tokenizerWith({}, { vocab: VOCAB }, { added_tokens_decoder })
  expect([...encode('a </s> b<x>')]).toEqual([0, 6, 1, 7])
})

test('a vocabulary with gaps has a size that is above all ids', () =>
  expect(
    tokenizerWith({ added_tokens: [added(3, '</s>')] }, { vocab: { a: 0, b: 9, ab: 10 } })
      .vocabSize,
  ).toBe(11))

describe('what is not done as the Rust library does it is refused', () => {
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: true }
  const template = { type: 'TemplateProcessing', single: [], pair: [], special_tokens: {} }
  for (const [what, code, words, parts, model] of [
    ['a word with a vast id', 'malformed', ["'z'", '2147483648'], {}, { vocab: { z: 2147483648 } }],
    [
      'an added token with a vast id',
      'unsupported',
      ["'<x>'"],
      { added_tokens: [END, added(2147483648, '<x>')] },
      {},
    ],
    [
      'an added token that leaves a gap',
      'unsupported',
      ["'<x>'", 'must be 7', '9'],
      { added_tokens: [END, added(9, '<x>')] },
      {},
    ],
    [
      'an added token with the id of no word',
      'unsupported',
      ["'ab'", 'must be 2'],
      { added_tokens: [END, added(7, 'ab')] },
      {},
    ],
    ['an id that is a fraction', 'malformed', ['vocab'], {}, { vocab: { z: 0.5 } }],
    ['an id below 0', 'malformed', ['vocab'], {}, { vocab: { z: -1 } }],
    ['merges left out by chance', 'malformed', ['dropout'], {}, { dropout: 0.1 }],
    [
      'a prefix of words within words',
      'malformed',
      ['continuing_subword_prefix'],
      {},
      { continuing_subword_prefix: '##' },
    ],
    ['a merge of what is no word', 'malformed', ['"a z"'], {}, { merges: ['a z'] }],
    ['a merge of three words', 'malformed', ['"a b a"'], {}, { merges: ['a b a'] }],
    ['word pieces', 'unsupported', ['"WordPiece"'], {}, { type: 'WordPiece' }],
    ['unigrams', 'unsupported', ['"Unigram"'], {}, { type: 'Unigram' }],
    [
      'a table of characters',
      'unsupported',
      ['normalizer', '"Precompiled"'],
      { normalizer: { type: 'Precompiled' } },
      {},
    ],
    [
      "BERT's way to cut",
      'unsupported',
      ['pre_tokenizer'],
      { pre_tokenizer: { type: 'BertPreTokenizer' } },
      {},
    ],
    [
      "BERT's begin and end",
      'unsupported',
      ['post_processor'],
      { post_processor: { type: 'BertProcessing' } },
      {},
    ],
    ['a decoder of speech', 'unsupported', ['decoder', '"CTC"'], { decoder: { type: 'CTC' } }, {}],
    [
      'a part of a sequence',
      'malformed',
      ['normalizer'],
      { normalizer: { type: 'Sequence', normalizers: [{ type: 'Nmt' }] } },
      {},
    ],
    [
      'a first piece that is moved',
      'unsupported',
      ['"Prepend"'],
      { normalizer: { type: 'Prepend', prepend: '▁' }, pre_tokenizer: metaspace },
      {},
    ],
    [
      'a template without the text',
      'malformed',
      ['post_processor'],
      { post_processor: template },
      {},
    ],
    [
      'a pattern that is none',
      'malformed',
      ['tokenizer.json'],
      {
        pre_tokenizer: {
          type: 'Split',
          pattern: { Regex: '(' },
          behavior: 'Isolated',
          invert: false,
        },
      },
      {},
    ],
  ] as const) {
    test(what, () =>
      expectModelError(() => tokenizerWith(parts, model), code satisfies ModelErrorCode, words),
    )
  }
})
