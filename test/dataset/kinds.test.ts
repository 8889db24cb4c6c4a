/** What a row is: told by the first, or by run.yaml; and files of every format with such rows. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, test } from 'vitest'
import {
  detectKind,
  type Example,
  type ExampleBody,
  exampleOf,
  type Kind,
} from '../../node/dataset/kinds.ts'
import { type BadRow, isBad } from '../../node/dataset/row.ts'
import { openSource } from '../../node/dataset/sources.ts'
import type { ChatMessage } from '../../node/model/chat-template.ts'
import { ConfigError } from '../../protocol/index.ts'
import { temporaryFolder } from '../model/fixtures.ts'

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
    ['completion', { text: 'a', weight: 0.5 }, "'weight'", '0.5'],
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
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: 'a' }] }] },
      "'messages[0].content[0]'",
      'image_url',
    ],
    ['chat_template', { messages: [{ ...said[1], weight: 0.5 }] }, "'messages[0].weight'", '0.5'],
    ['chat_template', { messages: [{ ...said[0], train: true }] }, "'messages[0].train'", "'user'"],
    ['chat_template', { messages: said, tools: 'none' }, "'tools'", '"none"'],
    ['chat_template', { messages: said, chosen: said, rejected: said }, "'chosen'"],
    ['chat_template', { messages: said, history: [['a', 'b']] }, "'history'"],
    ['chat_template', { messages: said, weight: 0.2 }, "'weight'", 'how much of the row'],
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
    Object.assign({ name: 'row', aside: ['id', 'chosen'] }, chat(said)),
  )
})

const ROWS = [
  { prompt: 'a', completion: 'b' },
  { prompt: 'c', completion: 'd' },
]
const LINES = Buffer.from(ROWS.map((row) => JSON.stringify(row)).join('\n'))
const PARQUET = parquetWriteBuffer({
  columnData: [
    { name: 'prompt', data: ['a', 'c'], type: 'STRING' },
    { name: 'completion', data: ['b', 'd'], type: 'STRING' },
  ],
  rowGroupSize: 1,
})

async function folderWith(name: string, bytes: Uint8Array): Promise<string> {
  const folder = await temporaryFolder()
  writeFileSync(join(folder, name), bytes)
  return folder
}

describe('the same rows come from', () => {
  for (const [name, bytes] of [
    ['rows.jsonl', LINES],
    ['rows.jsonl.gz', gzipSync(LINES)],
    ['rows.jsonl.zst', zstdCompressSync(LINES)],
    ['rows.json', Buffer.from(JSON.stringify(ROWS))],
    ['rows.parquet', new Uint8Array(PARQUET)],
  ] as const) {
    test(name, async () => {
      const source = await openSource({ path: name }, await folderWith(name, bytes))
      expect(source).toMatchObject({ kind: 'prompt_completion', isDetected: true, files: 1 })
      const examples: (Example | BadRow)[] = []
      for await (const example of source.examples()) examples.push(example)
      expect(examples).toEqual(
        ROWS.map(({ prompt, completion }) =>
          Object.assign({ name: expect.anything(), aside: [] }, answer([prompt, completion])),
        ),
      )
      expect(new Set(examples.map((example) => example.name)).size).toBe(2)
    })
  }
})

test('what a table fills in with null is not there', async () => {
  const tool_calls = [{ function: { name: 'tide', arguments: { at: null } } }]
  const rows = [[{ role: 'assistant', content: null, tool_calls, name: null }]]
  const bytes = parquetWriteBuffer({
    columnData: [{ name: 'messages', data: rows, type: 'JSON' }],
  })
  const folder = await folderWith('rows.parquet', new Uint8Array(bytes))
  const { examples } = await openSource({ path: 'rows.parquet' }, folder)
  for await (const example of examples()) {
    expect(example).toMatchObject({
      messages: [
        {
          role: 'assistant',
          tool_calls: [{ function: { name: 'tide', arguments: {} } }],
        },
      ],
    })
  }
})

describe('a file that is broken is refused by name', () => {
  for (const [name, bytes, word] of [
    ['rows.jsonl', Buffer.from('{"prompt":'), 'rows.jsonl:1'],
    ['rows.json', Buffer.from('{}'), 'JSON list'],
    ['rows.json', Buffer.from('['), 'rows.json'],
    ['rows.jsonl', Buffer.from('\n\n'), 'no row'],
    ['rows.jsonl.gz', LINES, 'Cannot unpack rows.jsonl.gz'],
    ['rows.jsonl.zst', LINES, 'Cannot unpack rows.jsonl.zst'],
    ['rows.parquet', LINES, 'as parquet'],
    ['rows.parquet', new Uint8Array(PARQUET).slice(0, -20), 'as parquet'],
    ['rows.parquet.gz', gzipSync(new Uint8Array(PARQUET)), 'packs itself'],
  ] as const) {
    test(`${name}, ${bytes.length} bytes`, async () => {
      const open = openSource({ path: name }, await folderWith(name, bytes))
      await expect(open).rejects.toThrow(ConfigError)
      await expect(open).rejects.toThrow(word)
    })
  }
})
