/** Questions in tokens, by a tokenizer that puts a word's mark before every text, as Llama 2's. */
import { expect, test } from 'vitest'
import { encodeQuestion, type QuestionText } from '../../node/dataset/encode-question.ts'
import { tokenizerFromBytes } from '../../node/model/tokenizer.ts'

const vocab: Record<string, number> = { '<unk>': 0, '<s>': 1, '</s>': 2 }
const merges = new Set<string>()
const add = (token: string) => (vocab[token] ??= Object.keys(vocab).length)
for (const letter of '▁Thehomislak') add(letter)
for (const word of ['▁The', '▁home', '▁is', '▁lake']) {
  let left = word[0]!
  for (const letter of word.slice(1)) {
    merges.add(`${left} ${letter}`)
    left += letter
    add(left)
  }
}

const text = { Sequence: { id: 'A', type_id: 0 } }
const begin = { SpecialToken: { id: '<s>', type_id: 0 } }
const special = (id: number, content: string) => ({ id, content, special: true })
const json = {
  added_tokens: [special(0, '<unk>'), special(1, '<s>'), special(2, '</s>')],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  post_processor: {
    type: 'TemplateProcessing',
    single: [begin, text],
    pair: [begin, text, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
  },
  model: { type: 'BPE', unk_token: '<unk>', fuse_unk: true, vocab, merges: [...merges] },
}
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const tokenizer = tokenizerFromBytes(bytesOf(json), bytesOf({ eos_token: '</s>' }))

const names = new Map(Object.entries(vocab).map(([name, id]) => [id, name]))
const named = (ids: readonly number[]) => ids.map((id) => names.get(id)).join(' ')

for (const [what, given, prompt, choice] of [
  ['a space before the choice', { prompt: 'The home is', choices: [' lake'] }, '', '▁lake'],
  ['a space behind the prompt', { prompt: 'The home is ', choices: ['lake'] }, '', '▁lake'],
  [
    'a space between them',
    { prompt: 'The home is', choices: ['lake'], delimiter: ' ' },
    '',
    '▁lake',
  ],
  ['no space', { prompt: 'The home is', choices: ['lake'] }, '', 'l a k e'],
  ['the middle of a word', { prompt: 'The home is la', choices: ['ke lake'] }, ' ▁la', '▁lake'],
  [
    'a text that a chat template began',
    { prompt: 'The home is ', choices: ['lake'], hasBegin: true },
    null,
    '▁lake',
  ],
] as [string, QuestionText, string | null, string][]) {
  test(`${what}: ${choice}`, () => {
    const { prompt: before, choices } = encodeQuestion(tokenizer, given)
    const words = '▁The ▁home ▁is'
    expect(named(before)).toBe(prompt === null ? words : `<s> ${words}${prompt}`)
    expect(choices.map(({ ids }) => named(ids))).toEqual([choice])
    expect(choices[0]!.bytes).toBe(given.choices[0]!.length)
  })
}

test('a choice that only lengthens the last token of its prompt has none', () => {
  const { choices } = encodeQuestion(tokenizer, { prompt: 'The home is la', choices: ['ke'] })
  expect(choices).toEqual([{ ids: [], bytes: 2 }])
})

test('behind an empty prompt a choice begins the text', () => {
  const { prompt, choices } = encodeQuestion(tokenizer, { prompt: '', choices: ['lake'] })
  expect([named(prompt), named(choices[0]!.ids)]).toEqual(['<s>', '▁lake'])
})
