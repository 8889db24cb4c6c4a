/** What comes with a dataset: its files, their rows, what README.md says of them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import type { Format } from '../../node/dataset/formats.ts'
import { globMatcher } from '../../node/dataset/glob.ts'
import { detectKind, exampleOf } from '../../node/dataset/kinds.ts'
import { chooseFiles } from '../../node/dataset/layout.ts'
import { isBad } from '../../node/dataset/row.ts'
import { readRows } from '../../node/dataset/rows.ts'
import { parseSplit } from '../../node/dataset/split-key.ts'
import { parseReference } from '../../node/hub/reference.ts'
import { ConfigError } from '../../protocol/index.ts'
import { folderOfThread } from './folder.ts'
import { jsonBytes, type Target, textBytes, textOf } from './target.ts'

const ROWS: readonly unknown[] = [
  { text: 'It was a dark and stormy night.' },
  {
    messages: [
      { role: 'user', content: 'Tide?' },
      { role: 'assistant', content: '2 m.', weight: 1 },
    ],
  },
  {
    tools: [{ type: 'function', function: { name: 'tide', parameters: { type: 'object' } } }],
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'Tide?' }] },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ type: 'function', function: { name: 'tide', arguments: '{"at": 1}' } }],
      },
      { role: 'tool', content: '2 m' },
      { role: 'assistant', reasoning_content: 'high', content: '2 m.' },
    ],
  },
  {
    system: 'Be a pirate.',
    conversations: [
      { from: 'human', value: 'q' },
      { from: 'gpt', value: 'Arr.' },
    ],
  },
  { instruction: 'say', input: '', output: 'ok', system: 'Be terse.', history: [['hi', 'hello']] },
  { prompt: [{ role: 'user', content: 'q' }], completion: [{ role: 'assistant', content: 'a' }] },
  { prompt: 'q', completion: 'a' },
]

/** One file for all inputs of a thread, which reads one after the other. */
function fileWith(input: Uint8Array): string {
  const path = join(folderOfThread(), 'input')
  writeFileSync(path, input)
  return path
}

async function readFile(
  input: Uint8Array,
  format: Format,
  packing: '.gz' | '.zst' | null = null,
): Promise<void> {
  const file = { name: `rows${format}`, path: fileWith(input), format, packing }
  for await (const row of readRows(file, () => {})) {
    if (isBad(row)) continue
    exampleOf(detectKind(row), row)
  }
}

const lines = (rows: unknown): Uint8Array => {
  const all = Array.isArray(rows) ? rows : [rows]
  return textBytes(all.map((row) => JSON.stringify(row) ?? '').join('\n'))
}

const PARQUET = [
  { columnData: [{ name: 'text', data: ['one', 'two', 'two'], type: 'STRING' as const }] },
  {
    columnData: [
      { name: 'n', data: [1, 2, 3], type: 'INT32' as const },
      { name: 'text', data: ['a', 'bb', 'ccc'], type: 'STRING' as const },
    ],
  },
].map((table) => new Uint8Array(parquetWriteBuffer(table)))

const README = `---
license: mit
configs:
  - config_name: main
    default: true
    data_dir: data
    data_files:
      - split: train
        path: "train-*.jsonl"
      - split: test
        path: [test/*.jsonl, "more/**"]
  - config_name: other
    data_files: other/*.parquet
---
# Rows
`
const NAMES = [
  'README.md',
  'data/train-0.jsonl',
  'data/test/a.jsonl',
  'other/b.parquet',
  'train.txt',
]

function files(
  name: string,
  format: Format,
  seeds: readonly Uint8Array[],
  isPacked = false,
): Target {
  return {
    name,
    seeds: () => seeds,
    read: (input) => readFile(input, format, isPacked ? '.gz' : null),
    throws: [ConfigError],
    isEnded: true,
  }
}

export const DATA_TARGETS: readonly Target[] = [
  { ...files('jsonl', '.jsonl', []), seeds: () => [ROWS], write: lines },
  { ...files('json-rows', '.json', []), seeds: () => [ROWS], write: jsonBytes },
  files('text-file', '.txt', [textBytes('One.\r\nTwo é.\n'), textBytes('\ufeffmarked')]),
  files('gzip', '.jsonl', [gzipSync(lines(ROWS))], true),
  // Its library goes round and round on one broken input of twenty.
  Object.assign(files('parquet', '.parquet', PARQUET), { share: 0.02 }),
  {
    name: 'readme',
    seeds: () => [textBytes(README)],
    read: (input) => {
      const listing = { title: 'rows', names: NAMES, readme: textOf(input) }
      chooseFiles(listing, { config: undefined, split: 'train' })
    },
    throws: [ConfigError],
  },
  {
    name: 'split-key',
    seeds: () => ['train[:10%]', 'test[5:-3]', 'train'].map(textBytes),
    read: (input) => parseSplit(textOf(input)),
    throws: [ConfigError],
  },
  {
    name: 'glob',
    seeds: () => ['data/**/train-*.jsonl', '[a-c]?{x,y}/*.txt'].map(textBytes),
    read: (input) => {
      const matches = globMatcher(textOf(input))
      for (const name of NAMES) matches(name)
    },
    throws: [ConfigError],
  },
  {
    name: 'hub-name',
    seeds: () => ['org/name@v1.0:file.gguf', 'a/b'].map(textBytes),
    read: (input) => parseReference(textOf(input), 'models'),
    throws: [],
  },
]
