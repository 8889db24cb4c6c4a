/**
 * Tables as text: a header with the names of the columns, then a row a record, all of whose cells
 * are texts. A cell in quotes may hold the delimiter, line ends, and quotes that are doubled; in
 * others a quote is a letter, as spreadsheets and Python's `csv` have it.
 * Source: RFC 4180; Python, csv.
 */
import { ConfigError, counted } from '../../protocol/index.ts'
import { type BadRow, badRow, Fault, type Row } from './row.ts'

export type Delimiter = ',' | '\t'

/** A cell that is left open would go on to the end of the file. */
export const RECORD_LETTERS_MAX = 16 * 1024 * 1024
export const COLUMNS_MAX = 1024

interface Cells {
  /** The line where they begin. */
  line: number
  cells: string[]
}

interface Broken {
  line: number
  fault: Fault
}

/**
 * @param text with one kind of line end
 * @throws ConfigError when the header names no columns, or two alike
 */
export function* delimitedRows(
  text: string,
  delimiter: Delimiter,
  file: string,
): Generator<Row | BadRow> {
  const records = recordsOf(text, delimiter)
  const header = headerOf(records.next().value, file)
  for (const record of records) {
    const name = `${file}:${record.line}`
    if ('fault' in record) {
      yield badRow(name, record.fault)
      continue
    }
    const { cells } = record
    if (cells.length === header.length) {
      yield { name, value: Object.fromEntries(header.map((column, i) => [column, cells[i]])) }
      continue
    }
    const must = `it must have a cell for each of its ${counted(header.length, 'column')}`
    const advice = `a cell with ${delimiter === ',' ? 'a comma' : 'a tab'} in it is to be in quotes`
    yield badRow(name, new Fault(`${must}: it has ${cells.length}; ${advice}`))
  }
}

function headerOf(record: Cells | Broken | undefined, file: string): string[] {
  const must = 'its first line must name the columns, each once'
  if (record === undefined || 'fault' in record) {
    const why = record === undefined ? 'it has none' : record.fault.words
    throw new ConfigError(`Cannot read ${file} as ${must}: ${why}`)
  }
  const { cells } = record
  const wrong = cells.find((name, i) => name.trim() === '' || cells.indexOf(name) !== i)
  if (wrong === undefined) return cells
  throw new ConfigError(`Cannot read ${file} as ${must}: one is ${JSON.stringify(wrong)}`)
}

/** Lines with nothing in them are none. What follows a broken record is read from its next line. */
function* recordsOf(text: string, delimiter: Delimiter): Generator<Cells | Broken> {
  let line = 1
  for (let at = 0; at < text.length; ) {
    if (text[at] === '\n') {
      line++
      at++
      continue
    }
    const read = recordAt(text, at, delimiter)
    if (read.fault === null) yield { line, cells: read.cells }
    else yield { line, fault: read.fault }
    for (let i = at; i < read.end; i++) if (text[i] === '\n') line++
    at = read.end
  }
}

interface Read {
  cells: string[]
  fault: Fault | null
  /** Where the next record begins. */
  end: number
}

function recordAt(text: string, from: number, delimiter: Delimiter): Read {
  const cells: string[] = []
  const ending = new RegExp(`[${delimiter}\n]`, 'g')
  for (let at = from; ; ) {
    const cell = text[at] === '"' ? quotedCell(text, at) : plainCell(text, at, ending)
    if (cell instanceof Fault) return { cells, fault: cell, end: nextLine(text, from) }
    cells.push(cell.value)
    if (cell.end - from > RECORD_LETTERS_MAX || cells.length > COLUMNS_MAX) {
      const must = `it must have at most ${RECORD_LETTERS_MAX} letters and ${COLUMNS_MAX} cells`
      return {
        cells,
        fault: new Fault(`${must}: current value is more`),
        end: nextLine(text, from),
      }
    }
    const after = text[cell.end]
    if (after === delimiter) {
      at = cell.end + 1
      continue
    }
    if (after === '\n' || after === undefined) {
      return { cells, fault: null, end: Math.min(text.length, cell.end + 1) }
    }
    const fault = new Fault(
      `after the quotes of cell ${cells.length} must come the next cell, or the end of the line: ` +
        `current value is ${JSON.stringify(after)}. A quote within quotes is to be doubled`,
    )
    return { cells, fault, end: nextLine(text, from) }
  }
}

interface Cell {
  value: string
  /** Where what follows it begins. */
  end: number
}

function plainCell(text: string, at: number, ending: RegExp): Cell {
  ending.lastIndex = at
  const end = ending.exec(text)?.index ?? text.length
  return { value: text.slice(at, end), end }
}

function quotedCell(text: string, at: number): Cell | Fault {
  for (let end = at + 1; ; end += 2) {
    end = text.indexOf('"', end)
    if (end < 0)
      return new Fault('quotes that are opened must be closed: a cell has none at its end')
    if (text[end + 1] !== '"') {
      return { value: text.slice(at + 1, end).replaceAll('""', '"'), end: end + 1 }
    }
  }
}

function nextLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end + 1
}
