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
import { openSource } from '../../node/dataset/sources.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { temporaryFolder } from '../model/fixtures.ts'

const said = [
  { role: 'user', content: 'Who?' },
  { role: 'assistant', content: 'Ishmael.' },
]

for (const [value, kind, expected] of [
  ['Call me.', 'completion', { type: 'text', text: 'Call me.' }],
  [{ text: 'Call me.', id: 7 }, 'completion', { type: 'text', text: 'Call me.' }],
  [
    { prompt: 'Who?', completion: ' Me.' },
    'prompt_completion',
    { type: 'answer', prompt: 'Who?', answer: ' Me.' },
  ],
  [{ messages: said, text: 'beside' }, 'chat_template', { type: 'chat', messages: said }],
  [
    {
      conversations: [
        { from: 'human', value: 'Who?' },
        { from: 'gpt', value: 'Ishmael.' },
      ],
    },
    'sharegpt',
    { type: 'chat', messages: said },
  ],
] as [unknown, Kind, ExampleBody][]) {
  test(`${JSON.stringify(value)} is ${kind}`, () => {
    expect(detectKind({ name: 'row', value })).toBe(kind)
    expect(exampleOf(kind, { name: 'row', value })).toEqual({ name: 'row', ...expected })
  })
}

for (const [input, hasInput] of [
  ['the sea', true],
  ['', false],
  [null, false],
  [undefined, false],
] as const) {
  test(`alpaca with the input ${JSON.stringify(input)}`, () => {
    const value = { instruction: 'Describe it.', input, output: 'Wet.' }
    expect(detectKind({ name: 'row', value })).toBe('alpaca')
    const example = exampleOf('alpaca', { name: 'row', value })
    if (example.type !== 'answer') throw new Error('it must be an answer')
    expect(example.answer).toBe('Wet.')
    expect(example.prompt).toMatch(/### Instruction:\nDescribe it\.[\s\S]*### Response:\n$/)
    expect(example.prompt.includes('### Input:\nthe sea')).toBe(hasInput)
  })
}

for (const [what, kind, value, ...words] of [
  ['of no kind', null, { question: 'Who?' }, 'prompt_completion', "'messages'"],
  ['a list', null, [1], 'Cannot tell'],
  ['of another kind', 'alpaca', { text: 'a' }, "'alpaca'", "'instruction'", '{"text":"a"}'],
  ['without messages', 'chat_template', { messages: [] }, "'messages'"],
  ['a number for a text', 'completion', { text: 1 }, '{"text":1}'],
] as [string, Kind | null, unknown, ...string[]][]) {
  test(`a row ${what} is refused by name`, () => {
    const row = { name: 'rows.jsonl:2', value }
    const read = () => (kind === null ? detectKind(row) : exampleOf(kind, row))
    expect(read).toThrow(ConfigError)
    for (const word of ['rows.jsonl:2', ...words]) expect(read).toThrow(word)
  })
}

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
      const examples: Example[] = []
      for await (const example of source.examples()) examples.push(example)
      expect(examples.map(({ name: _, ...rest }) => rest)).toEqual(
        ROWS.map(({ prompt, completion }) => ({ type: 'answer', prompt, answer: completion })),
      )
      expect(new Set(examples.map((example) => example.name)).size).toBe(2)
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
