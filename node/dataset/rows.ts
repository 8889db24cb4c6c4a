/**
 * The rows of a file: a text is one row, JSON Lines have one a line, JSON a list of them (or lines,
 * as many a `.json` is), CSV, TSV and parquet tables of them. What a row means is for kinds.ts to
 * say.
 */
import { ConfigError } from '../../protocol/index.ts'
import type { TellPiece } from '../bounded-work.ts'
import { parseExactly } from '../exact-json.ts'
import { delimitedRows } from './delimited.ts'
import type { FoundFile } from './files.ts'
import { parquetRows } from './parquet.ts'
import { type BadRow, badRow, Fault, type Row } from './row.ts'
import { readText } from './text-file.ts'

/** @throws ConfigError that names a file of which no row can be read */
export async function* readRows(file: FoundFile, tell: TellPiece): AsyncGenerator<Row | BadRow> {
  const { name, format } = file
  switch (format) {
    case '.txt':
    case '.md':
      yield { name, value: await readText(file, tell) }
      return
    case '.jsonl':
      yield* jsonLines(await readText(file, tell), name)
      return
    case '.json':
      yield* jsonList(await readText(file, tell), name)
      return
    case '.csv':
      yield* delimitedRows(await readText(file, tell), ',', name)
      return
    case '.tsv':
      yield* delimitedRows(await readText(file, tell), '\t', name)
      return
    case '.parquet':
      for await (const row of parquetRows(file, tell)) yield shallow(row)
  }
}

function* jsonLines(text: string, file: string): Generator<Row | BadRow> {
  let line = 0
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf('\n', from)
    const to = end < 0 ? text.length : end
    const row = text.slice(from, to)
    from = to + 1
    line++
    if (row.trim() === '') continue
    const name = `${file}:${line}`
    const value = parse(row)
    yield value instanceof Fault ? badRow(name, value) : shallow({ name, value })
  }
}

function* jsonList(text: string, file: string): Generator<Row | BadRow> {
  // A list begins with a bracket, an object on a line of its own with a brace.
  if (/^\s*\{.*\}[ \t]*\n\s*\{/.test(text)) return yield* jsonLines(text, file)
  const value = parse(text)
  if (value instanceof Fault) throw new ConfigError(badRow(file, value).complaint)
  if (!Array.isArray(value)) throw new ConfigError(`Cannot read ${file} as it must be a JSON list`)
  for (const [index, row] of value.entries()) {
    yield shallow({ name: `${file}[${index}]`, value: row })
  }
}

function parse(text: string): unknown {
  try {
    return parseExactly(text)
  } catch (error) {
    return new Fault(`it must be JSON: ${(error as Error).message}`)
  }
}

/** What looks at a row's parts, and at theirs, needs room for each level. */
export const NESTING_MAX = 100

function shallow(row: Row): Row | BadRow {
  if (!isDeep(row.value, NESTING_MAX)) return row
  const must = `its lists and objects must be nested at most ${NESTING_MAX} deep`
  return badRow(row.name, new Fault(`${must}: current value is deeper`))
}

function isDeep(value: unknown, room: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (room === 0) return true
  return Object.values(value).some((part) => isDeep(part, room - 1))
}
