/** Which tokens of an example are learned, with the embedded tokenizer and real templates. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ExampleBody } from '../../node/dataset/kinds.ts'
import { isBad } from '../../node/dataset/row.ts'
import { tokeniseExample } from '../../node/dataset/tokenise.ts'
import { parseExactly } from '../../node/exact-json.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import {
  type ChatMessage,
  type ChatTemplate,
  openChatTemplate,
} from '../../node/model/chat-template.ts'
import { tokenizerFromBytes } from '../../node/model/tokenizer.ts'
import { ConfigError } from '../../protocol/index.ts'
import { bytesOfJson } from '../model/fixtures.ts'

const file = (name: string) => readFileSync(join(EMBEDDED_MODEL, name))
const tokenizer = tokenizerFromBytes(file('tokenizer.json'), file('tokenizer_config.json'))
const EOS = tokenizer.decode([tokenizer.eosId])

const templateFrom = (config: object, wanted?: string): ChatTemplate =>
  openChatTemplate(new Map([['tokenizer_config.json', bytesOfJson(config)]]), wanted)
const CHATML = templateFrom({}, 'chatml')

/** The text, with what is learned in brackets. */
function check(example: ExampleBody, template: ChatTemplate | null, expected: string | null): void {
  const named = Object.assign({ name: 'x', aside: [] }, example)
  const one = tokeniseExample(named, tokenizer, template)
  if (one === null) return expect(expected).toBeNull()
  if (isBad(one)) throw new Error(one.complaint)
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

/** `role: content`; of the assistant's turns those are learned that do not end in a minus. */
const chat = (...turns: string[]): ExampleBody & { type: 'chat' } =>
  talk(
    turns.map((turn) => {
      const [role = '', content = ''] = turn.split(': ')
      return { role, content: content.replace(/-$/, '') }
    }),
    turns.map((turn) => turn.startsWith('assistant') && !turn.endsWith('-')),
  )

const talk = (
  messages: ChatMessage[],
  learned = messages.map(({ role }) => role === 'assistant'),
  variables = {},
): ExampleBody & { type: 'chat' } => ({ type: 'chat', messages, learned, variables })

const answer = (...turns: [string, string][]): ExampleBody => ({
  type: 'answer',
  turns: turns.map(([prompt, answer]) => ({ prompt, answer })),
})

test('a text is learned as a whole, and its end', () =>
  check({ type: 'text', text: 'Call me Ishmael.' }, null, `[Call me Ishmael.${EOS}]`))
test('a text of white space is left out', () => check({ type: 'text', text: ' \n' }, null, null))
test('an answer is learned from where its prompt ends', () =>
  check(answer(['Who?\n', 'Me.']), null, `Who?\n[Me.${EOS}]`))
test('of several answers each is learned, with its end', () =>
  check(
    answer(['Who?\n', 'Me.'], ['\nWhy?\n', 'So.']),
    null,
    `Who?\n[Me.${EOS}]\nWhy?\n[So.${EOS}]`,
  ))
test('an empty answer is left out', () => check(answer(['Who?', ' ']), null, null))

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
  test('a turn of no weight is not learned', () =>
    check(
      chat('user: Who?', 'assistant: You.-', 'user: No.', 'assistant: Me.'),
      CHATML,
      `${turn('user', 'Who?') + turn('assistant', 'You.') + turn('user', 'No.')}` +
        '<|im_start|>assistant\n[Me.<|im_end|>\n]',
    ))
  test('nothing is learned where no turn has weight', () =>
    check(chat('user: Who?', 'assistant: You.-'), CHATML, null))
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
      'the last turn has another end that begins alike',
      `${EACH}<|{{ m.role[0] }}|>${SAID}{% if loop.last %}<|end|>{% endif %}{% endfor %}` +
        '{% if add_generation_prompt %}<|a|>{% endif %}',
      '<|u|>a<|a|>[b]<|u|>c<|a|>[d<|end|>]',
    ],
    [
      'the last turn has another end, in words, that begins as a turn does',
      `${EACH}### {{ m.role }}:${SAID}{% if loop.last %}### end{% endif %}{% endfor %}` +
        '{% if add_generation_prompt %}### assistant:{% endif %}',
      '### user:a### assistant:[b]### user:c### assistant:[d### end]',
    ],
    [
      'only the last of two ends is of the last turn alone',
      `{{ '<s>' }}${EACH}<|{{ m.role[0] }}|>${SAID}<|stop|>\n{% if loop.last %}<|end|>{% endif %}` +
        '{% endfor %}{% if add_generation_prompt %}<|a|>{% endif %}',
      '<s><|u|>a<|stop|>\n<|a|>[b<|stop|>\n]<|u|>c<|stop|>\n<|a|>[d<|stop|>\n<|end|>]',
    ],
    [
      'it says itself what the assistant writes',
      `${EACH}<{{ m.role[0] }}>{% if m.role == 'assistant' %}` +
        `{% generation %}${SAID}!{% endgeneration %}{% else %}${SAID}{% endif %} {% endfor %}`,
      '<u>a <a>[b!] <u>c <a>[d!] ',
    ],
    [
      'what is said is counted, all is learned:',
      `{{ messages | length }}${EACH}{{ m.content | upper }}` +
        '{{ m.content | urlencode | length }};{% endfor %}',
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
      `${EACH}{{ m.role }}{{ m.content | length }};{% endfor %}{{ messages | length }}`,
      '[user1;assistant1;user1;assistant1;4]',
    ],
  ] as const)
    test(`where ${what}`, () =>
      check(
        chat('user: a', 'assistant: b', 'user: c', 'assistant: d'),
        templateFrom({ chat_template: source }),
        expected,
      ))
})

const THINKS =
  `${EACH}<{{ m.role[0] }}>{% if m.role == 'assistant' and '</t>' in m.content %}` +
  "{{ '<t>' + m.content.split('</t>')[0].split('<t>')[-1] + '</t>' }}" +
  "{{ m.content.split('</t>')[-1] }}{% else %}" +
  "{% if m.role == 'assistant' %}<t></t>{% endif %}{{ m.content }}{% endif %};{% endfor %}" +
  '{% if add_generation_prompt %}<a><t></t>{% endif %}'
test('an answer brings its own thoughts where the prompt ends in none', () =>
  check(
    chat('user: a', 'assistant: <t>Hm.</t>b'),
    templateFrom({ chat_template: THINKS }),
    '<u>a;<a><t>[Hm.</t>b;]',
  ))

const GENERATES =
  `${EACH}{% if m.role == 'assistant' %}{% generation %}${SAID}{% endgeneration %};` +
  `{% else %}${SAID};{% endif %}{% endfor %}`
test('weights are kept to where a template says itself what the assistant writes', () =>
  check(
    chat('user: a', 'assistant: b-', 'user: c', 'assistant: d'),
    templateFrom({ chat_template: GENERATES }),
    'a;b;c;[d];',
  ))

const CALLS =
  `{% if tools %}{{ tools | length }} tools;{% endif %}${EACH}<{{ m.role[0] }}>` +
  '{% if m.tool_calls %}{% for call in m.tool_calls %}' +
  '{{ call.function.name }}({{ call.function.arguments | tojson }}){% endfor %}' +
  '{% else %}{{ m.content }}{% endif %};{% endfor %}' +
  '{% if add_generation_prompt %}<a>{% endif %}'
for (const [given, written] of [
  ['{"at":"noon"}', '{"at": "noon"}'],
  [{ at: 'noon' }, '{"at": "noon"}'],
  ['{"m":1.0,"n":1,"o":1e2,"p":-0.5}', '{"m": 1.0, "n": 1, "o": 100.0, "p": -0.5}'],
  [parseExactly('{"m":[1.0, 2]}'), '{"m": [1.0, 2]}'],
]) {
  test(`a call is learned, with the arguments ${JSON.stringify(given)}`, () =>
    check(
      talk(
        [
          { role: 'user', content: 'Tide?' },
          {
            role: 'assistant',
            content: null,
            tool_calls: [{ function: { name: 'tide', arguments: given } }],
          },
          { role: 'tool', content: '2 m' },
          { role: 'assistant', content: 'Two.' },
        ],
        undefined,
        { tools: [{}] },
      ),
      templateFrom({ chat_template: CALLS }),
      `1 tools;<u>Tide?;<a>[tide(${written});]<t>2 m;<a>[Two.;]`,
    ))
}

const CALLS_OF_THINKERS =
  `${EACH}<{{ m.role[0] }}>{% if m.role == 'assistant' and loop.last %}<t></t>{% endif %}` +
  '{{ m.content }}{% if m.tool_calls %}{% if m.content %}|{% endif %}call{% endif %};{% endfor %}' +
  '{% if add_generation_prompt %}<a>{% endif %}'
test('a call without words is found where the last turn is written otherwise, as with Qwen3', () =>
  check(
    talk([
      { role: 'user', content: 'Tide?' },
      { role: 'assistant', content: '', tool_calls: [{ function: { name: 'tide' } }] },
      { role: 'tool', content: '2 m' },
      { role: 'assistant', content: 'Two.' },
    ]),
    templateFrom({ chat_template: CALLS_OF_THINKERS }),
    '<u>Tide?;<a>[call;]<t>2 m;<a>[<t></t>Two.;]',
  ))

describe('a row is refused by name', () => {
  for (const [what, source, example, word] of [
    [
      'whose conversation the template refuses',
      "{{ raise_exception('no system') }}",
      chat('user: a', 'assistant: b'),
      'no system',
    ],
    [
      'of which not all is learned, and nobody knows where it is',
      `{{ messages | length }}${EACH}{{ m.content | upper }}` +
        '{{ m.content | urlencode | length }};{% endfor %}',
      chat('assistant: a-', 'assistant: b'),
      'where answers are',
    ],
    [
      'of which a turn is not written',
      `${EACH}{% if m.role != 'system' %}${SAID};{% endif %}{% endfor %}`,
      chat('system: Be a pirate.', 'user: a', 'assistant: b'),
      "what message 1 says, by 'system'",
    ],
    [
      'of which a long turn is not written',
      `${EACH}{% if m.role != 'system' %}${SAID};{% endif %}{% endfor %}`,
      chat(`system: ${'Be a pirate. '.repeat(9)}`, 'user: a', 'assistant: b'),
      "what message 1 says, by 'system'",
    ],
    [
      'of which one says what another does, and is not written',
      `${EACH}{% if m.role != 'system' %}${SAID};{% endif %}{% endfor %}`,
      chat(
        `system: ${'Be a pirate. '.repeat(9)}`,
        `user: ${'Be a pirate. '.repeat(10)}`,
        'assistant: b',
      ),
      "what message 1 says, by 'system'",
    ],
    [
      'of which the second call is not written',
      `${EACH}${SAID}{% if m.tool_calls %}{{ m.tool_calls[0].name }}{% endif %};{% endfor %}`,
      talk([{ role: 'assistant', content: '', tool_calls: [{ name: 'tide' }, { name: 'wind' }] }]),
      'each of the tool_calls of message 1',
    ],
    ['that is a conversation among texts', null, chat('assistant: a'), 'no conversations'],
  ] as const) {
    test(what, () => {
      const template = source === null ? null : templateFrom({ chat_template: source })
      const named = Object.assign({ name: 'a.jsonl:7', aside: [] }, example)
      const one = tokeniseExample(named, tokenizer, template)
      const complaint = one !== null && isBad(one) ? one.complaint : ''
      for (const part of ['a.jsonl:7', word]) expect(complaint).toContain(part)
    })
  }
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
  test('may have another for conversations with tools', () => {
    const chat_template = [
      { name: 'tool_use', template: '{{ tools | length }}' },
      { name: 'default', template: 'no tools' },
    ]
    const template = templateFrom({ chat_template })
    expect(template.render([], false, { tools: [{}, {}] })).toBe('2')
    expect(template.render([], false)).toBe('no tools')
  })
  test('may say itself what the assistant writes', () => {
    const source =
      '{% for m in messages %}<{{ m.role }}>' +
      '{% generation %}{{ m.content }}!{%- endgeneration %} {% endfor %}'
    const template = templateFrom({ chat_template: source })
    const messages = [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b ' },
    ]
    const text = '<user>a! <assistant>b ! '
    expect(template.render(messages, false)).toBe(text)
    expect(template.generated(messages)).toEqual({
      text,
      spans: [
        [6, 8],
        [20, 23],
      ],
    })
    expect(templateFrom({}, 'chatml').generated(messages)).toBeNull()
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
