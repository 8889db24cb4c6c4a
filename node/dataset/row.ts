/** A row, and what is wrong with one: a value, since among a stranger's rows some are bad. */
import { shown } from '../shown.ts'

export interface Row {
  /** The place where it was found, for messages: `rows.jsonl:12`. */
  name: string
  /** A string: a whole text. */
  value: unknown
}

/** What must be otherwise, as the end of `Cannot read rows.jsonl:12 as …`. */
export class Fault {
  readonly words: string

  constructor(words: string) {
    this.words = words
  }
}

/** A row that cannot be learned. */
export interface BadRow {
  name: string
  /** A sentence that names the row, what of it is wrong, and what to do. */
  complaint: string
}

export const isBad = (row: object): row is BadRow => 'complaint' in row

export function badRow(name: string, { words }: Fault): BadRow {
  return { name, complaint: `Cannot read ${name} as ${words}` }
}

/** @param path what of the row is wrong, as `messages[3].content` */
export function fault(path: string, must: string, value: unknown): Fault {
  const is = value === undefined ? 'it is not there' : `current value is ${shown(value)}`
  return new Fault(`'${path}' must be ${must}: ${is}`)
}
