/**
 * A lock between processes: SQLite's own exclusive lock on an empty file beside what it guards. The
 * operating system gives it back when its holder dies, however it dies, so it is never stale. Who
 * holds it is written in a second file, for people.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { DatabaseSync } from 'node:sqlite'

const SQLITE_BUSY = 5

export type Locked =
  /** Twice is once. */
  | { status: 'taken'; release: () => void }
  /** `holder` in words, for people. */
  | { status: 'held'; holder: string }

/** Takes the lock of `file`, or says who holds it. */
export function tryLock(file: string): Locked {
  const lock = new DatabaseSync(`${file}.lock`)
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error
    return { status: 'held', holder: readHolder(file) }
  }
  writeFileSync(holderFile(file), `process ${process.pid} on ${hostname()}`)
  let isHeld = true
  const release = () => {
    if (isHeld) lock.close()
    isHeld = false
  }
  return { status: 'taken', release }
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
