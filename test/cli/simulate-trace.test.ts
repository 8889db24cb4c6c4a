/** Traces as files: what each is, by its first bytes, and what cannot be read. */
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { readTrace } from '../../node/cli/simulate-trace.ts'
import { digestOf } from '../../protocol/index.ts'

const FOLDER = 'test/simulations/traces'

async function fileOf(bytes: Uint8Array | string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'barnraise-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'trace')
  await writeFile(path, bytes)
  return path
}

for (const [name, format, sessions] of [
  ['event_trace.tab', 'failure-trace-archive', 4],
  ['clients.json', 'fedscale', 3],
  ['sessions.parquet', 'parquet', 3],
] as const) {
  test(`${name}, by another name, is ${format}; its digest is that of the file`, async () => {
    const bytes = await readFile(`${FOLDER}/${name}`)
    const trace = await readTrace(await fileOf(bytes), false)
    expect(trace.format).toBe(format)
    expect(trace.rows).toHaveLength(sessions)
    expect(trace.digest).toBe(digestOf(bytes))
  })
}

test('a row of a Parquet file is what the same line of CSV is', async () => {
  const { rows } = await readTrace(`${FOLDER}/sessions.parquet`, false)
  const csv =
    'volunteer,start,end,how,step_ms\nann,0,3600,leave,9000\nben,120.5,9000\nann,7200,10800,,9000'
  expect(rows).toEqual((await readTrace(await fileOf(csv), false)).rows)
})

test('a packed trace is the same one', async () => {
  const plain = `${FOLDER}/event_trace.tab`
  const packed = await fileOf(gzipSync(await readFile(plain)))
  expect((await readTrace(packed, false)).rows).toEqual((await readTrace(plain, false)).rows)
})

test('a pickle is refused, since it would run', async () => {
  const file = await fileOf(new Uint8Array([0x80, 4, 0x95]))
  await expect(readTrace(file, false)).rejects.toThrow('as it is a pickle')
})

test('a file that is not there is named', async () => {
  await expect(readTrace('nowhere.csv', false)).rejects.toThrow(
    "Cannot read the trace 'nowhere.csv' as there is no such file",
  )
})

test('a file that is too large is not read', async () => {
  const file = await fileOf('volunteer,start,end\n')
  await truncate(file, 2 ** 28 + 1)
  await expect(readTrace(file, false)).rejects.toThrow('must have at most')
})
