/** What a model reads of a talk: its template's words, or plain text that goes on. */
import { expect, test } from 'vitest'
import { openChatTemplate } from '../../node/model/chat-template.ts'
import { createTalk } from '../../node/model/talk.ts'
import type { TextTokenizer } from '../../node/model/tokenizer.ts'

/** Characters are tokens. */
const tokenizer = {
  encode: (text: string) => Int32Array.from(text, (letter) => letter.codePointAt(0)!),
  encodeWhole: (text: string) => Int32Array.from(`^${text}`, (letter) => letter.codePointAt(0)!),
} as TextTokenizer
const companions = new Map([['tokenizer_config.json', new TextEncoder().encode('{}')]])
const chatml = openChatTemplate(companions, 'chatml')

for (const [what, template, system, expected] of [
  ['plain', null, undefined, '^Hello there\nWho?'],
  ['plain, with a system text', null, 'Be kind.', '^Be kind.\nHello there\nWho?'],
  [
    'ChatML',
    chatml,
    'Be kind.',
    '<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n' +
      '<|im_start|>assistant\n there<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n' +
      '<|im_start|>assistant\n',
  ],
] as const) {
  test(`${what}: the second turn goes on with the first`, () => {
    const talk = createTalk({ tokenizer, template, system })
    talk.say('Hello')
    talk.answered(' there')
    expect(String.fromCodePoint(...talk.say('Who?'))).toBe(expected)
  })
}
