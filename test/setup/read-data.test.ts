/** Data that keeps its reader busy for ever, or fills its memory, ends the reader and not us. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { BOUNDS } from '../../node/bounded-thread.ts'
import { SOURCE_FILE_BYTES_MAX } from '../../node/dataset/text-file.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { type DataTask, readData } from '../../node/setup/read-data.ts'
import { ConfigError } from '../../protocol/index.ts'
import { temporaryFolder } from '../model/fixtures.ts'

const file = (name: string) => readFileSync(join(EMBEDDED_MODEL, name))
const companions = new Map(
  ['tokenizer.json', 'tokenizer_config.json'].map((name) => [name, file(name)]),
)

async function read(name: string, bytes: Uint8Array | string, task: Partial<DataTask> = {}) {
  const folder = await temporaryFolder()
  writeFileSync(join(folder, name), bytes)
  const whole: DataTask = {
    datasets: [{ path: name }],
    folder,
    companions,
    template: 'chatml',
    options: {
      name: 'rows',
      sequenceLength: 64,
      sequencesPerShard: 8,
      validationSize: 0.1,
      seed: 1,
      longExamples: 'drop',
      badRows: 'refuse',
    },
    isPacked: true,
    isRated: false,
    examplesMax: 1,
    rows: 1e6,
    scored: null,
    contextLength: 256,
  }
  return readData(Object.assign(whole, task), {
    ...BOUNDS,
    pieceMsMax: 3_000,
    heapBytesMax: 2 ** 29,
  })
}

test('a base without a row for a token of the data is refused, with the token', async () => {
  const rows = JSON.stringify({ text: 'The people' })
  const complaint = read('rows.jsonl', `${rows}\n${rows}`, { rows: 16 })
  await expect(complaint).rejects.toThrow('the base has rows for ids below 16')
  await expect(read('rows.jsonl', `${rows}\n${rows}`)).resolves.toBeDefined()
})

/** A file of 660 bytes that keeps a reader of parquet busy for ever. */
const BUSY = Buffer.from(
  'UEFSMRUGFdQHFbQDXBVkFQAVZBUAFQAVAAAA6gMgBQAAAHJvdyAwEQkAMREJADIRCQAzEQkANBEJADURCQA2EQkA' +
    'NxEJADgRCQQ5Bg1aBDEwFQoAMRUKADIVCgAzFQoANBUKADUVCgA2FQoANxUKADgVCgA5EQoAMhVkADIVZAAyFWQA' +
    'MhVkADIVZAAyFWQAMhVkADIVZAAyFWQAMhVkADMVZAAzFWQAMxVkADMVZAAzFWQAMxVkADMVZAAzFWQAMxVkADMV' +
    'ZAA0FWQANBVkADQVZAQ0MxHwADQVZAA0FWQANBVkADQVZCw0OAYAAAByb3cgNDkVBhWUAxWcA1wVZBUABWQVABUE' +
    'FQAAAGQByAHwxwAAAAABAAAAAgAAAAMAAAAEAAAABQAAAAYAAAAHAAAACAAAAAkAAAAKAAAACwAAAAwAAAANAAAA' +
    'DgAAAA8AAAAQAAAAEQAAABIAAAATAAAAFAAAABUAAAAWAAAAFwAAABgAAAAZAAAAGgAAABsAAAAcAAAAHQAAAB4A' +
    'AAAfAAAAIAAAACEAAAAiAAAAIwAAACQAAAAlAAAAJgAAACcAAAAoAAAAKQAAACoAAAArAAAALAAAAC0AAAAuAAAA' +
    'LwAAADAAAAAxAAAAFQQZPEgEcm9vdBUEABUMJQAYBHRleHQlAAAVAiUCGAFuABZkGRwZLCYIHBUMGRUAGRgEdGV4' +
    'dBUCFmQWgggW4gMmCDw2ACgFcm93IDkYBXpvdyAwABkcFQYVABUCAAAAJuoDHBUCGRUAGRgBbhUCFmQWwgMWygMm' +
    '6gM8NgAoBDEAAAAYBAAAAAAAGRwVBhUAFQIAAAAWxAsWZDasBwAoCWh5cGFycXVldBksHAAAHAAAALIAAABQQVIx',
  'base64',
)

const chat = JSON.stringify({ messages: [{ role: 'assistant', content: 'a' }] })
const NESTED =
  '{% for i in range(100000) %}{% for j in range(100000) %}{% for k in range(100000) %}' +
  '{% endfor %}{% endfor %}{% endfor %}'

describe('data that is made to do harm is refused:', () => {
  // Packed once, and there many times.
  const part = new Uint8Array(SOURCE_FILE_BYTES_MAX / 16)
  const huge = (packed: Uint8Array) => Buffer.concat(Array<Uint8Array>(17).fill(packed))
  for (const [what, name, bytes, task, word] of [
    ['parquet without an end', 'rows.parquet', BUSY, {}, 'rows.parquet'],
    ['a template without an end', 'rows.jsonl', `${chat}\n${chat}`, { template: NESTED }, ''],
    [
      'a gzip that is huge',
      'rows.jsonl.gz',
      () => huge(gzipSync(part)),
      {},
      'rows.jsonl.gz as it must',
    ],
    [
      'a zstd that is huge',
      'rows.txt.zst',
      () => huge(zstdCompressSync(part)),
      {},
      'rows.txt.zst as it',
    ],
    [
      'a row that is nested without end',
      'rows.jsonl',
      `{"text":${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
      {},
      'rows.jsonl:1 as its lists and objects must be nested at most 100 deep',
    ],
  ] as [string, string, Uint8Array | string | (() => Uint8Array), Partial<DataTask>, string][]) {
    test(what, async () => {
      const given = typeof bytes === 'function' ? bytes() : bytes
      const error = await read(name, given, task).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(ConfigError)
      expect((error as Error).message).toContain(word)
    })
  }
})

test('other data is read, and what is shown of it', async () => {
  const { dataset, figures } = await read('rows.jsonl', `${chat}\n${chat}\n${chat}`)
  expect(dataset.documents).toBe(3)
  expect([...dataset.blobs.values()].every((bytes) => bytes.length > 0)).toBe(true)
  expect(figures.sources).toMatchObject([{ kind: 'chat_template', count: 3 }])
  expect(figures.sources[0]!.examples.length).toBe(1)
})
