/** Files of every format hold the same rows; what is broken of them is refused by name. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, test } from 'vitest'
import type { Example } from '../../node/dataset/kinds.ts'
import type { BadRow } from '../../node/dataset/row.ts'
import { openSource } from '../../node/dataset/sources.ts'
import { ConfigError } from '../../protocol/index.ts'
import { temporaryFolder } from '../model/fixtures.ts'

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
        ROWS.map(({ prompt, completion }) => ({
          name: expect.anything(),
          aside: [],
          type: 'answer',
          turns: [{ prompt, answer: completion }],
        })),
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

const twiceWith = (packed: Uint8Array, zeros: number) =>
  Buffer.concat([packed, new Uint8Array(zeros), packed])

describe('a file that is broken is refused by name', () => {
  for (const [name, bytes, word] of [
    ['rows.jsonl', Buffer.from('{"prompt":'), 'rows.jsonl:1'],
    ['rows.json', Buffer.from('{}'), 'JSON list'],
    ['rows.json', Buffer.from('['), 'rows.json'],
    ['rows.jsonl', Buffer.from('\n\n'), 'no row'],
    ['rows.jsonl.gz', LINES, 'Cannot unpack rows.jsonl.gz'],
    ['rows.jsonl.zst', LINES, 'Cannot unpack rows.jsonl.zst'],
    ['rows.jsonl.gz', twiceWith(gzipSync(LINES), 3), 'bytes of something else'],
    ['rows.jsonl.zst', Buffer.concat([zstdCompressSync(LINES), LINES]), 'bytes of something else'],
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
