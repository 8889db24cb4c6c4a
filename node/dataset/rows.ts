/**
 * The rows of a file: a text is one row, JSON Lines have one a line, JSON a list of them (or lines,
 * as many a `.json` is), parquet tables of them. What a row means is for kinds.ts to say.
 */
import { readFile, stat } from 'node:fs/promises'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { ConfigError } from '../../protocol/errors.ts'
import type { FoundFile, Packing } from './files.ts'

export interface Row {
  /** Where it was found, for messages: `rows.jsonl:12`. */
  name: string
  /** A string: a whole text. */
  value: unknown
}

/** Of a file, and of what is packed in it; a larger one is better given as several files. */
export const SOURCE_FILE_BYTES_MAX = 256 * 1024 * 1024

/** @throws ConfigError that names the file and the line. */
export async function* readRows(file: FoundFile): AsyncGenerator<Row> {
  const { name, format } = file
  switch (format) {
    case '.txt':
    case '.md':
      yield { name, value: await readText(file) }
      return
    case '.jsonl':
      yield* jsonLines(await readText(file), name)
      return
    case '.json':
      yield* jsonList(await readText(file), name)
      return
    case '.parquet':
      yield* parquetRows(file)
  }
}

function* jsonLines(text: string, file: string): Generator<Row> {
  let line = 0
  for (const row of text.split('\n')) {
    line++
    if (row.trim() !== '') yield { name: `${file}:${line}`, value: parse(row, `${file}:${line}`) }
  }
}

function* jsonList(text: string, file: string): Generator<Row> {
  // A list begins with a bracket, an object on a line of its own with a brace.
  if (/^\s*\{.*\}[ \t]*\n\s*\{/.test(text)) return yield* jsonLines(text, file)
  const value = parse(text, file)
  if (!Array.isArray(value)) throw new ConfigError(`Cannot read ${file} as it must be a JSON list`)
  for (const [index, row] of value.entries()) yield { name: `${file}[${index}]`, value: row }
}

function parse(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ConfigError(`Cannot read ${name}: ${(error as Error).message}`)
  }
}

/** A group of rows at a time is in memory. */
async function* parquetRows({ name, path, packing }: FoundFile): AsyncGenerator<Row> {
  if (packing !== null) throw new ConfigError(`Cannot read ${name} as parquet packs itself`)
  try {
    const file = await asyncBufferFromFile(path)
    const metadata = await parquetMetadataAsync(file)
    let first = 0
    for (const group of metadata.row_groups) {
      const rowEnd = first + Number(group.num_rows)
      const options = { file, metadata, compressors, rowStart: first, rowEnd }
      const rows = await parquetReadObjects(options)
      for (const [index, value] of rows.entries())
        yield { name: `${name}[${first + index}]`, value }
      first = rowEnd
    }
  } catch (error) {
    throw new ConfigError(`Cannot read ${name} as parquet: ${(error as Error).message}`)
  }
}

async function readText({ name, path, packing }: FoundFile): Promise<string> {
  const { size } = await stat(path)
  if (size > SOURCE_FILE_BYTES_MAX) throw tooLarge(name, size)
  const bytes = unpack(await readFile(path), packing, name)
  try {
    // One kind of line end, so that a checkout on Windows makes the same dataset.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (!text.includes('\0')) return text.replaceAll('\r\n', '\n')
  } catch {
    // Told below.
  }
  throw new ConfigError(`Cannot read ${name} as it must be UTF-8 text`)
}

function unpack(bytes: Uint8Array, packing: Packing | null, name: string): Uint8Array {
  if (packing === null) return bytes
  const options = { maxOutputLength: SOURCE_FILE_BYTES_MAX }
  try {
    return packing === '.gz' ? gunzipSync(bytes, options) : zstdDecompressSync(bytes, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(name, null)
    throw new ConfigError(`Cannot unpack ${name}: ${(error as Error).message}`)
  }
}

function tooLarge(name: string, size: number | null): ConfigError {
  return new ConfigError(
    `Cannot read ${name} as it must have at most ${SOURCE_FILE_BYTES_MAX} bytes: ` +
      `current value is ${size ?? 'more'}. Split it`,
  )
}
