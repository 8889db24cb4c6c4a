/** Tables as text, against what Python's `csv` reads of them, and what is broken is named. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { COLUMNS_MAX, delimitedRows, RECORD_LETTERS_MAX } from '../../node/dataset/delimited.ts'
import { isBad } from '../../node/dataset/row.ts'
import { ConfigError } from '../../protocol/index.ts'

/** Made by test/vectors/make-tables.py. */
const VECTORS: { delimiter: ',' | '\t'; text: string; rows: Record<string, string>[] }[] =
  JSON.parse(readFileSync(new URL('../vectors/tables.json', import.meta.url), 'utf8'))

const read = (text: string, delimiter: ',' | '\t' = ',') => [
  ...delimitedRows(text, delimiter, 'a.csv'),
]

test('tables are read as Python reads them', () => {
  expect(VECTORS.length).toBeGreaterThan(100)
  for (const { delimiter, text, rows } of VECTORS) {
    const values = read(text, delimiter).map((row) => (isBad(row) ? row.complaint : row.value))
    expect(values, JSON.stringify(text)).toEqual(rows)
  }
})

test('a row is named by the line where it begins', () => {
  const rows = read('a,b\n\n"1\n2",3\n4,5\n')
  expect(rows).toEqual([
    { name: 'a.csv:3', value: { a: '1\n2', b: '3' } },
    { name: 'a.csv:5', value: { a: '4', b: '5' } },
  ])
})

const COUNT = 'a cell for each of its 2 columns'
describe('a row is refused by its line, and the next is read:', () => {
  for (const [what, row, word] of [
    ['too few cells', '1', `${COUNT}: it has 1`],
    ['too many', '1,2,3', `${COUNT}: it has 3; a cell with a comma in it is to be in quotes`],
    ['letters after quotes', '"1"x,2', 'after the quotes of cell 1'],
    ['too many letters', `1,${'x'.repeat(RECORD_LETTERS_MAX)}`, `${RECORD_LETTERS_MAX} letters`],
    ['too many cells to be read', ','.repeat(COLUMNS_MAX), `${COLUMNS_MAX} cells`],
  ] as const) {
    test(what, () => {
      const [bad, next] = read(`a,b\n${row}\n3,4`)
      const complaint = bad !== undefined && isBad(bad) ? bad.complaint : ''
      expect(complaint).toContain('Cannot read a.csv:2 as ')
      expect(complaint).toContain(word)
      expect(next).toEqual({ name: 'a.csv:3', value: { a: '3', b: '4' } })
    })
  }
  test('quotes that are not closed', () => {
    const [bad, next] = read('a,b\n"1,2\n3,4')
    expect(bad).toMatchObject({ complaint: expect.stringContaining('a.csv:2 as quotes') })
    expect(next).toMatchObject({ name: 'a.csv:3' })
  })
})

describe('a table is refused by its name', () => {
  for (const [what, text, word] of [
    ['without anything', '', 'it has none'],
    ['with a column of no name', 'a,,b\n', 'one is ""'],
    ['with two columns of one name', 'a,b,a\n', 'one is "a"'],
    ['with a header in open quotes', '"a,b\n', 'must be closed'],
  ] as const) {
    test(what, () => {
      expect(() => read(text)).toThrow(ConfigError)
      expect(() => read(text)).toThrow(word)
      expect(() => read(text)).toThrow('Cannot read a.csv as its first line')
    })
  }
})
