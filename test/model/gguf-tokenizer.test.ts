/** tokenizer.json as GGUF metadata; that llama.cpp cuts texts alike is for test/llama to say. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { chatFormat, ggufTokenizer } from '../../node/model/gguf-tokenizer.ts'
import { preTokenizerName } from '../../node/model/pre-tokenizers.ts'
import { bytesOfJson, expectModelError } from './fixtures.ts'
import { KNOWN_PRE_TOKENIZERS, UNKNOWN_PRE_TOKENIZER } from './pre-tokenizers.ts'

const file = (name: string) => JSON.parse(readFileSync(join(EMBEDDED_MODEL, name), 'utf8'))
const TOKENIZER = file('tokenizer.json')
const CONFIG = file('tokenizer_config.json')

function converted(tokenizer: object = {}, config: object = {}, vocabSize = 2048) {
  const files = {
    tokenizer: bytesOfJson({ ...TOKENIZER, ...tokenizer }),
    config: bytesOfJson({ ...CONFIG, ...config }),
    chatTemplate: null,
  }
  const named = new Map(ggufTokenizer(files, vocabSize))
  const entry = (key: string) => {
    const value = named.get(key)
    return value?.type === 'array' ? value.values : value?.value
  }
  return { files, named, entry, ofGgml: (key: string) => entry(`tokenizer.ggml.${key}`) }
}

describe('the way to cut a text has a name at llama.cpp', () => {
  for (const [name, pre_tokenizer] of Object.entries(KNOWN_PRE_TOKENIZERS))
    test(name, () => {
      const normalizer = name === 'qwen2' ? { type: 'NFC' } : null
      const model = { ...TOKENIZER.model, ignore_merges: name === 'llama-bpe' }
      expect(converted({ pre_tokenizer, normalizer, model }).ofGgml('pre')).toBe(name)
    })
})

for (const [given, name] of [
  ['llama-bpe', 'llama-bpe'],
  ['llama3', 'llama-bpe'],
  ['llama-v3', 'llama-bpe'],
  ['qwen2', 'qwen2'],
  ['falcon', null],
  ['constructor', null],
  [null, null],
] as const) {
  test(`the rule that a file calls ${given} is ${name}`, () =>
    expect(preTokenizerName(given)).toBe(name))
}

describe('a tokenizer that llama.cpp would cut texts otherwise than is refused', () => {
  const check = (tokenizer: object, words: readonly string[], vocabSize?: number) =>
    expectModelError(() => converted(tokenizer, {}, vocabSize), 'unsupported', words)
  const { model } = TOKENIZER

  test('Unigram', () => check({ model: { type: 'Unigram' } }, ["'Unigram' instead of 'BPE'"]))
  test('an unknown rule', () =>
    check({ pre_tokenizer: UNKNOWN_PRE_TOKENIZER }, ['no pre-tokenizer']))
  test('a rule that adds a space', () => {
    const pre_tokenizer = { ...KNOWN_PRE_TOKENIZERS['gpt-2'], add_prefix_space: true }
    return check({ pre_tokenizer }, ['no pre-tokenizer'])
  })
  test('no rule', () => check({ pre_tokenizer: null }, ['no pre-tokenizer']))
  test('a normalizer', () => check({ normalizer: { type: 'Lowercase' } }, ['normalizes']))
  test('NFC where llama.cpp has none', () => check({ normalizer: { type: 'NFC' } }, ['normalizes']))
  test('words that are taken whole', () =>
    check({ model: { ...model, ignore_merges: true } }, ['whole words', "'gpt-2'"]))
  test('more words than rows', () => check({}, ['the token 2047', '2047 rows'], 2047))
  test('a merge of three', () => check({ model: { ...model, merges: ['a b c'] } }, ['"a b c"']))
  for (const field of [{ byte_fallback: true }, { end_of_word_suffix: '</w>' }, { dropout: 0.1 }])
    test(JSON.stringify(field), () =>
      expectModelError(() => converted({ model: { ...model, ...field } }), 'malformed', [
        Object.keys(field)[0]!,
      ]),
    )
})

test('what ends a turn is named, where it is not what ends a text', () => {
  const token = { id: 2048, content: '<|im_end|>', special: true, normalized: false }
  const added_tokens = [...TOKENIZER.added_tokens, token]
  const chat_template = '{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}'
  expect(converted({ added_tokens }, { chat_template }, 2049).ofGgml('eot_token_id')).toBe(2048)
  expect(converted({ added_tokens }, {}, 2049).ofGgml('eot_token_id')).toBeUndefined()
})

test('words stand at their ids, with their kinds', () => {
  const added_tokens = [
    ...TOKENIZER.added_tokens,
    { ...TOKENIZER.added_tokens[0], id: 2048, content: '<|im_end|>', special: true },
    { ...TOKENIZER.added_tokens[0], id: 2049, content: '<think>', special: false },
  ]
  const { ofGgml } = converted({ added_tokens }, {}, 2052)
  const [tokens, kinds] = [ofGgml('tokens') as string[], ofGgml('token_type') as number[]]
  expect([tokens.length, kinds.length]).toEqual([2052, 2052])
  for (const [id, token, kind] of [
    [0, '<|endoftext|>', 3],
    [1, '!', 1],
    [2048, '<|im_end|>', 3],
    [2049, '<think>', 4],
    [2050, '[PAD2050]', 5],
    [2051, '[PAD2051]', 5],
  ] as const)
    expect([tokens[id], kinds[id]], String(id)).toEqual([token, kind])
})

test('merges are two words with a space between, whichever way the file has them', () => {
  const merges = converted().ofGgml('merges')
  expect(merges).toEqual(TOKENIZER.model.merges.map((pair: string[]) => pair.join(' ')))
  const model = { ...TOKENIZER.model, merges }
  expect(converted({ model }).ofGgml('merges')).toEqual(merges)
})

test('begin and end are those of the config; a begin is added where the tokenizer adds it', () => {
  const plain = converted()
  expect(['bos', 'eos'].map((name) => plain.ofGgml(`${name}_token_id`))).toEqual([0, 0])
  expect(plain.ofGgml('add_bos_token')).toBe(false)
  expect(plain.named.has('tokenizer.ggml.padding_token_id')).toBe(false)
  const begin = { SpecialToken: { id: '<|endoftext|>', type_id: 0 } }
  const post_processor = {
    ...TOKENIZER.post_processor,
    single: [begin, ...TOKENIZER.post_processor.single],
    special_tokens: {
      '<|endoftext|>': { id: '<|endoftext|>', ids: [0], tokens: ['<|endoftext|>'] },
    },
  }
  const begun = converted({ post_processor }, { bos_token: '!', pad_token: { content: '"' } })
  expect(begun.ofGgml('bos_token_id')).toBe(1)
  expect(begun.ofGgml('padding_token_id')).toBe(2)
  expect(begun.ofGgml('add_bos_token')).toBe(false)
  expect(converted({ post_processor }).ofGgml('add_bos_token')).toBe(true)
})

describe('the template of a chat', () => {
  const named = [
    { name: 'tool_use', template: 'TOOLS' },
    { name: 'default', template: 'CHAT' },
  ]
  for (const [what, chat_template, expected] of [
    ['is taken', 'CHAT', 'CHAT'],
    ['is the default of several', named, 'CHAT'],
    ['may be missing', undefined, null],
  ] as const)
    test(what, () => {
      const { files, entry } = converted({}, { chat_template })
      expect(chatFormat(files)).toEqual({ chatTemplate: expected, stop: '<|endoftext|>' })
      expect(entry('tokenizer.chat_template')).toBe(expected ?? undefined)
    })
})
