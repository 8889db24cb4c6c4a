/** Which tokens of an example are learned, with the embedded tokenizer and real templates. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ExampleBody } from '../../node/dataset/kinds.ts'
import { tokeniseExample } from '../../node/dataset/tokenise.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { type ChatTemplate, openChatTemplate } from '../../node/model/chat-template.ts'
import { tokenizerFromBytes } from '../../node/model/tokenizer.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { bytesOfJson } from '../model/fixtures.ts'

const file = (name: string) => readFileSync(join(EMBEDDED_MODEL, name))
const tokenizer = tokenizerFromBytes(file('tokenizer.json'), file('tokenizer_config.json'))
const EOS = tokenizer.decode([tokenizer.eosId])

const templateFrom = (config: object, wanted?: string): ChatTemplate =>
  openChatTemplate(new Map([['tokenizer_config.json', bytesOfJson(config)]]), wanted)
const CHATML = templateFrom({}, 'chatml')

/** The text, with what is learned in brackets. */
function check(example: ExampleBody, template: ChatTemplate | null, expected: string | null): void {
  const one = tokeniseExample({ name: 'x', ...example }, tokenizer, template)
  if (one === null) return expect(expected).toBeNull()
  let text = ''
  for (let from = 0; from < one.ids.length; ) {
    let to = from + 1
    while (to < one.ids.length && one.learned[to] === one.learned[from]) to++
    const part = tokenizer.decode(one.ids.subarray(from, to))
    text += one.learned[from] === 1 ? `[${part}]` : part
    from = to
  }
  expect(text).toBe(expected)
}

const chat = (...turns: string[]) => ({
  type: 'chat' as const,
  messages: turns.map((turn) => {
    const [role = '', content = ''] = turn.split(': ')
    return { role, content }
  }),
})

test('a text is learned as a whole, and its end', () =>
  check({ type: 'text', text: 'Call me Ishmael.' }, null, `[Call me Ishmael.${EOS}]`))
test('a text of white space is left out', () => check({ type: 'text', text: ' \n' }, null, null))
test('an answer is learned from where its prompt ends', () =>
  check({ type: 'answer', prompt: 'Who?\n', answer: 'Me.' }, null, `Who?\n[Me.${EOS}]`))
test('an empty answer is left out', () =>
  check({ type: 'answer', prompt: 'Who?', answer: ' ' }, null, null))

const EACH = '{% for m in messages %}'
const SAID = '{{ m.content }}'
const OPENS_LAST = "{% if loop.last and m.role == 'assistant' %}"

describe('of a conversation', () => {
  const turn = (role: string, content: string) => `<|im_start|>${role}\n${content}<|im_end|>\n`
  test('the turns of the assistant are learned, to the end of each', () =>
    check(
      chat('system: Be brief.', 'user: Who?', 'assistant: Me.', 'user: Why?', 'assistant: So.'),
      CHATML,
      turn('system', 'Be brief.') +
        `${turn('user', 'Who?')}<|im_start|>assistant\n[Me.<|im_end|>\n]` +
        `${turn('user', 'Why?')}<|im_start|>assistant\n[So.<|im_end|>\n]`,
    ))
  test('nothing is learned where nobody answers', () => check(chat('user: Who?'), CHATML, null))
  for (const [what, source, expected] of [
    ['the end is of the last turn only', `${EACH}${SAID};{% endfor %}END`, 'a;[b;]c;[d;END]'],
    [
      'thoughts are written into the last turn only, as with Qwen3',
      `${EACH}{{ m.role[0] }}:${OPENS_LAST}<think></think>{% endif %}${SAID};{% endfor %}` +
        '{% if add_generation_prompt %}a:{% endif %}',
      'u:a;a:[b;]u:c;a:[<think></think>d;]',
    ],
    [
      'the prompt thinks, and the turn does not',
      `${EACH}<{{ m.role[0] }}>${SAID};{% endfor %}` +
        '{% if add_generation_prompt %}<a><think>{% endif %}',
      '<u>a;<a>[b;]<u>c;<a>[d;]',
    ],
    [
      'it begins with how long it is',
      `{{ messages | length }}${EACH}${SAID};{% endfor %}`,
      '4a;[b;]c;[d;]',
    ],
    [
      'what is said is counted, all is learned:',
      `{{ messages | length }}${EACH}{{ m.content | upper }}{{ m.content | length }};{% endfor %}`,
      '[4A1;B1;C1;D1;]',
    ],
    [
      'a conversation may not end as it likes',
      "{% if messages | length == 1 %}{{ raise_exception('odd') }}{% endif %}" +
        `${EACH}${SAID};{% endfor %}`,
      'a;[b;]c;[d;]',
    ],
    [
      'what is said is not shown, all is learned:',
      `${EACH}{{ m.role }};{% endfor %}{{ messages | length }}`,
      '[user;assistant;user;assistant;4]',
    ],
  ] as const)
    test(`where ${what}`, () =>
      check(
        chat('user: a', 'assistant: b', 'user: c', 'assistant: d'),
        templateFrom({ chat_template: source }),
        expected,
      ))
})

test('a conversation that its template refuses is told by name', () => {
  const template = templateFrom({ chat_template: "{{ raise_exception('no system') }}" })
  const read = () => tokeniseExample({ name: 'a.jsonl:7', ...chat('user: a') }, tokenizer, template)
  expect(read).toThrow(ConfigError)
  expect(read).toThrow('a.jsonl:7: Cannot apply the chat template: no system')
})

describe('a template', () => {
  test('writes the same date on any day', () => {
    const source =
      "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y, %B %%') }}{% endif %}"
    const template = templateFrom({ chat_template: source })
    expect(template.render([], false)).toBe('26 Jul 2024, July %')
  })
  test('sees all that a message has', () => {
    const template = templateFrom({ chat_template: '{{ messages[0].tool_calls[0].name }}' })
    const said = { role: 'assistant', content: '', tool_calls: [{ name: 'look' }] }
    expect(template.render([said], false)).toBe('look')
  })
  test('may be the default of several', () => {
    const chat_template = [
      { name: 'tool_use', template: 'no' },
      { name: 'default', template: "{{ bos_token }}{{ messages[0]['content'] }}" },
    ]
    const template = templateFrom({ chat_template, bos_token: { content: '<s>' } })
    expect(template.render([{ role: 'user', content: 'a' }], false)).toBe('<s>a')
  })
  test('may be a file of its own, which goes first', () => {
    const companions = new Map([
      ['tokenizer_config.json', bytesOfJson({ chat_template: 'config' })],
      ['chat_template.jinja', new TextEncoder().encode('file')],
    ])
    expect(openChatTemplate(companions).render([], false)).toBe('file')
  })
  for (const [what, open, word] of [
    ['that is not there', () => templateFrom({}), "'chatml'"],
    ['that is broken', () => templateFrom({}, '{% for %}'), 'Cannot read the chat template'],
    [
      'that raises',
      () => templateFrom({}, "{{ raise_exception('no system') }}").render([], false),
      'no system',
    ],
  ] as const)
    test(`${what} is told`, () => {
      expect(open).toThrow(ConfigError)
      expect(open).toThrow(word)
    })
})
