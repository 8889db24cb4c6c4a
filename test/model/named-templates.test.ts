/** Templates by name: what they write, and what can be meant as one. */
import { expect, test } from 'vitest'
import { openChatTemplate } from '../../node/model/chat-template.ts'
import { isTemplate, TEMPLATE_NAMES } from '../../node/model/named-templates.ts'
import { bytesOfJson } from './fixtures.ts'

const FILES = new Map([['tokenizer_config.json', bytesOfJson({ bos_token: '<|begin_of_text|>' })]])
const MESSAGES = [
  { role: 'user', content: ' Who? ' },
  { role: 'assistant', content: 'Ishmael.' },
]

for (const [name, whole, opening] of [
  [
    'chatml',
    '<|im_start|>user\n Who? <|im_end|>\n<|im_start|>assistant\nIshmael.<|im_end|>\n',
    '<|im_start|>user\n Who? <|im_end|>\n<|im_start|>assistant\n',
  ],
  [
    'llama3',
    '<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nWho?<|eot_id|>' +
      '<|start_header_id|>assistant<|end_header_id|>\n\nIshmael.<|eot_id|>',
    '<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nWho?<|eot_id|>' +
      '<|start_header_id|>assistant<|end_header_id|>\n\n',
  ],
] as const) {
  test(`a conversation in ${name}`, () => {
    const template = openChatTemplate(FILES, name)
    expect(template.render(MESSAGES, false)).toBe(whole)
    expect(template.render(MESSAGES.slice(0, 1), true)).toBe(opening)
  })
}

test('each name but the first has a test', () =>
  expect(TEMPLATE_NAMES).toEqual(['tokenizer_default', 'chatml', 'llama3']))

for (const [wanted, expected] of [
  ['tokenizer_default', true],
  ['llama3', true],
  ['chat.jinja', true],
  ['{{ messages }}', true],
  ['gemma', false],
  ['Answer as a pirate.', false],
] as const) {
  test(`'${wanted}' is ${expected ? 'a' : 'no'} template`, () =>
    expect(isTemplate(wanted)).toBe(expected))
}
