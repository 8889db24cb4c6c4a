/**
 * Rows by key, of which the oldest go where there are too many, and which remembers those that have
 * changed since they were last taken.
 */
import type { Row } from './rows.ts'

export interface Table<K, R extends Row> {
  readonly rows: Map<K, R>
  readonly changed: Map<K, R>
  readonly countMax: number
}

export function createTable<K, R extends Row>(countMax: number): Table<K, R> {
  return { rows: new Map(), changed: new Map(), countMax }
}

/** Puts in a row that is new, or that has changed, by the journal's entry `seq`. */
export function put<K, R extends Row>(table: Table<K, R>, key: K, row: R, seq: number): R {
  const { rows, changed, countMax } = table
  row.seq = seq
  rows.set(key, row)
  changed.set(key, row)
  // Maps keep their order of insertion: the first are the oldest.
  for (const oldest of rows.keys()) {
    if (rows.size <= countMax) break
    rows.delete(oldest)
    changed.delete(oldest)
  }
  return row
}

/** The rows that have changed since they were last taken. */
export function takeChanged<K, R extends Row>({ changed }: Table<K, R>): R[] {
  const rows = [...changed.values()]
  changed.clear()
  return rows
}

/** The rows that have changed at the entry `seq` or after it. */
export function changedSince<K, R extends Row>({ rows }: Table<K, R>, seq: number): R[] {
  return [...rows.values()].filter((row) => row.seq >= seq)
}
