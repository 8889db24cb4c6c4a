/** What a row is: told by the first, or by run.yaml. */
import { describe, expect, test } from 'vitest'
import { detectKind, type ExampleBody, exampleOf, type Kind } from '../../node/dataset/kinds.ts'
import { isBad } from '../../node/dataset/row.ts'
import type { ChatMessage } from '../../node/model/chat-template.ts'
import { ConfigError } from '../../protocol/index.ts'

const said = [
  { role: 'user', content: 'Who?' },
  { role: 'assistant', content: 'Ishmael.' },
]
const TOOL = { type: 'function', function: { name: 'tide' } }
const callOf = (given: unknown) => ({
  type: 'function',
  function: { name: 'tide', arguments: given },
})

const text = (words: string): ExampleBody => ({ type: 'text', text: words })
const answer = (...turns: [string, string][]): ExampleBody => ({
  type: 'answer',
  turns: turns.map(([prompt, answer]) => ({ prompt, answer })),
})
/** A turn of the assistant is learned, unless it begins with a minus. */
const chat = (messages: (ChatMessage | '-')[], variables = {}): ExampleBody => {
  const kept = messages.filter((one): one is ChatMessage => one !== '-')
  const learned = kept.map((one) => {
    const isExcepted = messages[messages.indexOf(one) - 1] === '-'
    return one.role === 'assistant' && !isExcepted
  })
  return { type: 'chat', messages: kept, learned, variables }
}

/** What a row is taken for, what of it is learned, and which of its fields are left aside. */
function check(value: unknown, kind: Kind, expected: ExampleBody, aside: string[] = []): void {
  const row = { name: 'row', value }
  expect(detectKind(row)).toBe(kind)
  expect(exampleOf(kind, row)).toEqual(Object.assign({ name: 'row', aside }, expected))
}

describe('a row is learned:', () => {
  for (const [value, kind, expected, aside = []] of [
    ['Call me.', 'completion', text('Call me.')],
    [
      { text: 'Call me.', id: 7, label: 1, input: 'x' },
      'completion',
      text('Call me.'),
      ['id', 'label', 'input'],
    ],
    [{ prompt: 'Who?', completion: ' Me.' }, 'prompt_completion', answer(['Who?', ' Me.'])],
    [
      { prompt: said, completion: [said[1]] },
      'prompt_completion',
      chat([said[0]!, '-', said[1]!, { ...said[1]! }]),
    ],
    [{ messages: said, text: 'beside' }, 'chat_template', chat(said), ['text']],
    [{ messages: said, weight: '2.5' }, 'chat_template', { ...chat(said), weight: 2.5 }],
    [{ messages: said, system: null, tools: [], weight: 1 }, 'chat_template', chat(said)],
    [{ messages: [] }, 'chat_template', chat([])],
    [
      { messages: said, system: 'Be brief.', tools: [TOOL], documents: [{ text: 'D' }] },
      'chat_template',
      chat([{ role: 'system', content: 'Be brief.' }].concat(said), {
        documents: [{ text: 'D' }],
        tools: [TOOL],
      }),
    ],
    [
      { messages: said, tools: '[{"name":"tide"}]', chat_template_kwargs: { thinks: false } },
      'chat_template',
      chat(said, { thinks: false, tools: [TOOL] }),
    ],
    [
      { messages: said, functions: [{ name: 'tide' }] },
      'chat_template',
      chat(said, { tools: [TOOL] }),
    ],
    [
      {
        messages: [
          { ...said[1], weight: 0 },
          { ...said[1], weight: 1, name: 'I' },
        ],
      },
      'chat_template',
      chat(['-', said[1]!, { ...said[1]!, name: 'I' }]),
    ],
    [
      {
        messages: [
          { ...said[1], train: false },
          { ...said[1], training: true },
        ],
      },
      'chat_template',
      chat(['-', said[1]!, { ...said[1]! }]),
    ],
    [
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'a' },
              { type: 'text', text: 'b' },
            ],
          },
          { role: 'assistant', content: null, tool_calls: [callOf('{}')] },
          { role: 'tool', content: '2 m', tool_call_id: 'x', name: null },
          { role: 'assistant', content: 'Two.', reasoning_content: 'Hm.' },
        ],
      },
      'chat_template',
      chat([
        { role: 'user', content: 'a\nb' },
        { role: 'assistant', content: null, tool_calls: [callOf('{}')] },
        { role: 'tool', content: '2 m', tool_call_id: 'x' },
        { role: 'assistant', content: 'Two.', reasoning_content: 'Hm.' },
      ]),
    ],
    [
      {
        messages: [
          { role: 'assistant', content: null, function_call: { name: 'tide', arguments: '{}' } },
          { role: 'function', name: 'tide', content: '2 m' },
        ],
      },
      'chat_template',
      chat([
        { role: 'assistant', content: null, tool_calls: [callOf('{}')] },
        { role: 'tool', content: '2 m', name: 'tide' },
      ]),
    ],
    [
      {
        system: 'Answer as a pirate.',
        conversations: [
          { from: 'human', value: 'Tide?' },
          { from: 'function_call', value: '{"name":"tide"}' },
          { from: 'observation', value: '2 m' },
          { from: 'gpt', value: 'Arr.', weight: 0 },
          { from: 'gpt', value: 'Two.' },
        ],
      },
      'sharegpt',
      chat([
        { role: 'system', content: 'Answer as a pirate.' },
        { role: 'user', content: 'Tide?' },
        { role: 'assistant', content: '', tool_calls: [callOf({})] },
        { role: 'tool', content: '2 m' },
        '-',
        { role: 'assistant', content: 'Arr.' },
        { role: 'assistant', content: 'Two.' },
      ]),
    ],
    [{ conversations: said }, 'sharegpt', chat(said)],
    [{ messages: [{ from: 'gpt', value: 'Ishmael.' }] }, 'chat_template', chat([said[1]!])],
    [
      { messages: [{ role: 'assistant', tool_calls: [callOf({})] }] },
      'chat_template',
      chat([{ role: 'assistant', tool_calls: [callOf({})] }]),
    ],
  ] as [unknown, Kind, ExampleBody, string[]?][]) {
    test(JSON.stringify(value), () => check(value, kind, expected, aside))
  }
})

const PREAMBLE = 'Below is an instruction that describes a task'
const RESPONDS = 'Write a response that appropriately completes the request.\n\n'
const ALONE: [string, string] = [
  `${PREAMBLE}. ${RESPONDS}### Instruction:\nDescribe.\n\n### Response:\n`,
  'Wet.',
]
describe('alpaca', () => {
  for (const [fields, ...turns] of [
    [
      { input: 'the sea' },
      [
        `${PREAMBLE}, paired with an input that provides further context. ${RESPONDS}` +
          '### Instruction:\nDescribe.\n\n### Input:\nthe sea\n\n### Response:\n',
        'Wet.',
      ],
    ],
    [{ input: '' }, ALONE],
    [{ input: null }, ALONE],
    [{ input: undefined }, ALONE],
    [
      { system: 'Be terse.', history: [['hi', 'hello']] },
      ['Be terse.\n\n### Instruction:\nhi\n\n### Response:\n', 'hello'],
      ['\n\n### Instruction:\nDescribe.\n\n### Response:\n', 'Wet.'],
    ],
  ] as [object, ...[string, string][]][]) {
    test(`with ${JSON.stringify(fields)}`, () =>
      check({ instruction: 'Describe.', output: 'Wet.', ...fields }, 'alpaca', answer(...turns)))
  }
})

const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)])
const long = 'x'.repeat(200)

describe('a row is refused with its name and the culprit:', () => {
  for (const [kind, value, ...words] of [
    ['alpaca', { text: 'a' }, "'alpaca'", "'instruction'", '{"text":"a"}'],
    ['alpaca', { instruction: 'a', output: 'b', history: [['a']] }, "'history[0]'", '["a"]'],
    ['alpaca', { instruction: 'a', output: 'b', system: 7 }, "'system'", '7'],
    ['completion', { text: 1 }, "'text' must be a text: current value is 1"],
    ['completion', { text: deep(50) }, "'text'", '[[[["…"]]]]'],
    ['completion', { text: 'a', weight: -0.5 }, "'weight' must be a number from 0 to 100", '-0.5'],
    [
      'prompt_completion',
      { prompt: 'a', completion: 'b', context: 'c' },
      "'context'",
      'read before',
    ],
    [
      'chat_template',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'a', train: false }] }] },
      "'messages[0].content[0]'",
      '"train":false',
    ],
    ['completion', { text: 'a', images: ['a.png'] }, "'images'", "'leave_aside: [images]'"],
    ['prompt_completion', { prompt: long, completion: 5 }, "'completion'", 'value is 5'],
    ['prompt_completion', { prompt: 'a', completion: 'b', label: false }, "'label'", 'false'],
    ['prompt_completion', { prompt: 'a', completion: 'b', tools: [TOOL] }, "'tools'"],
    ['chat_template', { messages: [1] }, "'messages[0]' must be an object: current value is 1"],
    ['chat_template', { messages: [said[0], { content: 'a' }] }, "'messages[1].role'", 'not there'],
    [
      'chat_template',
      {
        messages: [
          { role: 'user', content: long },
          { role: 'user', content: 17 },
        ],
      },
      "'messages[1].content' must be a text",
      'current value is 17',
    ],
    ['chat_template', { messages: [{ role: 'assistant', content: null }] }, 'is null'],
    [
      'chat_template',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'a', image: 'b.png' }] }] },
      'and no more',
    ],
    [
      'chat_template',
      { messages: [{ role: 'user', content: 'a', value: 'b' }] },
      "'messages[0].value' must be left out, as there is 'content'",
    ],
    [
      'chat_template',
      { messages: [{ role: 'user', from: 'gpt', content: 'a' }] },
      "'messages[0].from' must be left out",
    ],
    [
      'chat_template',
      { messages: [{ ...said[1], function_call: { name: 'a' }, tool_calls: [TOOL] }] },
      "'messages[0].function_call' must be left out",
    ],
    [
      'sharegpt',
      { conversations: [{ from: 'function_call', value: '{"name":"tide","args":{"at":"noon"}}' }] },
      'a call with a name and arguments',
    ],
    [
      'chat_template',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: 'a' }] }] },
      "'messages[0].content[0]'",
      'image_url',
    ],
    ['chat_template', { messages: [{ ...said[1], weight: 0.5 }] }, "'messages[0].weight'", '0.5'],
    ['chat_template', { messages: [{ ...said[0], train: true }] }, "'messages[0].train'", "'user'"],
    ['chat_template', { messages: said, tools: 'none' }, "'tools'", '"none"'],
    ['chat_template', { messages: said, chosen: said, rejected: said }, "'chosen'"],
    ['chat_template', { messages: said, history: [['a', 'b']] }, "'history'"],
    ['chat_template', { messages: said, weight: 101 }, "'weight' must be a number", '101'],
    ['chat_template', { messages: said, weight: 'much' }, "'weight' must be a number", '"much"'],
    [
      'chat_template',
      { messages: [{ role: 'system', content: 'a' }], system: 'b' },
      "'system'",
      'first message',
    ],
    ['sharegpt', { conversations: [{ from: 'gpt', value: 5 }] }, "'conversations[0].value'", '5'],
    [
      'sharegpt',
      { conversations: [{ from: 'function_call', value: 'look!' }] },
      "'conversations[0].value'",
      'look!',
    ],
  ] as [Kind, unknown, ...string[]][]) {
    test(`${kind} ${JSON.stringify(value).slice(0, 80)}`, () => {
      const example = exampleOf(kind, { name: 'rows.jsonl:2', value })
      const complaint = isBad(example) ? example.complaint : ''
      for (const word of ['rows.jsonl:2', ...words]) expect(complaint).toContain(word)
    })
  }
})

for (const [what, value, word] of [
  ['of no kind', { question: 'Who?' }, '"question"'],
  ['that is a list', [1], '[1]'],
  ['with two answers to choose from', { prompt: 'a', chosen: 'b', rejected: 'c' }, 'the better'],
] as const) {
  test(`a first row ${what} is refused by name`, () => {
    const read = () => detectKind({ name: 'rows.jsonl:1', value })
    expect(read).toThrow(ConfigError)
    for (const part of ['rows.jsonl:1', word, 'prompt']) expect(read).toThrow(part)
  })
}

test('what run.yaml says is left aside is so, of rows and of messages, and named', () => {
  const value = { messages: [said[0], { ...said[1], reasoning: 'Hm.' }], chosen: 'a', id: 1 }
  expect(exampleOf('chat_template', { name: 'row', value }, ['chosen', 'reasoning'])).toEqual(
    Object.assign({ name: 'row', aside: ['id', 'chosen', 'reasoning'] }, chat(said)),
  )
})
