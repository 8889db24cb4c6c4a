/**
 * One writer for each journal. The lock is SQLite's own exclusive lock on an empty file beside it:
 * the operating system gives it back when its holder dies, however it dies, so it is never stale.
 * Who holds it is written in a second file, for people.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { StorageError } from './errors.ts'

const SQLITE_BUSY = 5

/**
 * Takes the lock and returns what gives it back. @throws StorageError `locked`, naming the holder
 */
export function lockForWriting(file: string): () => void {
  const lock = new DatabaseSync(`${file}.lock`)
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error
    throw new StorageError(
      'locked',
      `Cannot open the journal ${file}: ${readHolder(file)} is using it. Stop that one first`,
      { cause: error },
    )
  }
  writeFileSync(holderFile(file), `process ${process.pid} on ${hostname()}`)
  return () => lock.close()
}

function holderFile(file: string): string {
  return `${file}.holder`
}

function readHolder(file: string): string {
  try {
    return readFileSync(holderFile(file), 'utf8').slice(0, 200)
  } catch {
    return 'another process'
  }
}
