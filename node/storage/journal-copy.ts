/**
 * A copy of a journal, to be read where the journal itself must stay as it is. What its writer has
 * not moved into the file yet stands beside it, in the write-ahead log, and is copied along.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StorageError } from './errors.ts'

/** A writer that is at work may change the file under us; it is quick, so we try again. */
const TRIES = 100
const LOG_SUFFIX = '-wal'

export function copyJournal(file: string): { path: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'barnraise-journal-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const path = join(folder, 'journal.sqlite')
  try {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const before = stampOf(file)
      copyFileSync(file, path)
      rmSync(path + LOG_SUFFIX, { force: true })
      if (existsSync(file + LOG_SUFFIX)) copyFileSync(file + LOG_SUFFIX, path + LOG_SUFFIX)
      if (stampOf(file) === before) return { path, remove }
    }
    throw new StorageError(
      'locked',
      `Cannot read the journal ${file}: it changes faster than it can be copied. Try again later`,
    )
  } catch (error) {
    remove()
    throw error
  }
}

/** What tells that a file, or the log beside it, was written to. */
function stampOf(file: string): string {
  const { mtimeNs, size } = statSync(file, { bigint: true })
  const log = statSync(file + LOG_SUFFIX, { bigint: true, throwIfNoEntry: false })
  return [mtimeNs, size, log?.mtimeNs, log?.size].join(' ')
}
