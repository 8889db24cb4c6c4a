/** The thread that reads a trace of sessions: see simulate-trace.ts. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { ConfigError } from '../../protocol/index.ts'
import { parseTrace, traceOfRecords } from '../../simulations/index.ts'
import { serveWork, type TellPiece } from '../bounded-work.ts'
import type { Packing } from '../dataset/formats.ts'
import { parquetRows } from '../dataset/parquet.ts'
import { SOURCE_FILE_BYTES_MAX, textOf, tooLarge } from '../dataset/text-file.ts'
import { whyUnread } from '../system-reason.ts'
import type { ReadTrace, TraceTask } from './simulate-trace.ts'

/** What files begin with that are no text. */
const PARQUET = [0x50, 0x41, 0x52, 0x31]
const PICKLE = [0x80]
const PACKINGS: readonly [Packing, number[]][] = [
  ['.gz', [0x1f, 0x8b]],
  ['.zst', [0x28, 0xb5, 0x2f, 0xfd]],
]

void serveWork(read)

async function read(task: TraceTask, tell: TellPiece): Promise<ReadTrace> {
  const { file } = task
  tell(file, 0)
  const bytes = await bytesOf(file)
  if (bytes === 'parquet') return readParquet(task, tell)
  if (beginsWith(bytes, PICKLE)) {
    throw new ConfigError(
      `Cannot use the trace '${file}' as it is a pickle, which runs code when it is read: write ` +
        'it as JSON (docs/simulate.md)',
    )
  }
  tell(file, bytes.length)
  const digest = createHash('sha256').update(bytes).digest('hex')
  const packing = PACKINGS.find(([, start]) => beginsWith(bytes, start))?.[0] ?? null
  return { ...parseTrace(textOf(bytes, packing, file, tell), task), digest }
}

async function readParquet(task: TraceTask, tell: TellPiece): Promise<ReadTrace> {
  const { file } = task
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  const records: Record<string, unknown>[] = []
  const found = { name: file, path: file, format: '.parquet', packing: null } as const
  for await (const { value } of parquetRows(found, tell)) {
    records.push(value as Record<string, unknown>)
  }
  return { ...traceOfRecords(records, task), digest: hash.digest('hex') }
}

/** All of a text, packed or not; a Parquet file is read in parts. */
async function bytesOf(file: string): Promise<Uint8Array | 'parquet'> {
  try {
    const found = await stat(file)
    // What comes through a pipe can be read only once.
    if (found.isFile() && beginsWith(await headOf(file), PARQUET)) return 'parquet'
    if (found.size > SOURCE_FILE_BYTES_MAX) throw tooLarge(file, found.size)
    return await readFile(file)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError(`Cannot read the trace '${file}' as ${whyUnread(error)}`)
  }
}

async function headOf(file: string): Promise<Uint8Array> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(PARQUET.length), 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

const beginsWith = (bytes: Uint8Array, start: readonly number[]): boolean =>
  start.every((byte, index) => bytes[index] === byte)
