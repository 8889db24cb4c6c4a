/**
 * The journal in one SQLite file: write-ahead log, `synchronous=FULL` (NORMAL may lose the last
 * commits when the power goes), one transaction an append. Many events in one append cost one sync.
 */

import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { bytesToHex, ConfigError, hexToBytes, type RunId } from '../../protocol/index.ts'
import { StorageError, storageError } from './errors.ts'
import { tryLock } from './file-lock.ts'
import {
  chainEntries,
  createChainCheck,
  type Journal,
  type JournalEntry,
  type JournalHead,
} from './journal.ts'
import { copyJournal } from './journal-copy.ts'

/** Raised when the tables change; a newer file is refused. */
const SCHEMA_VERSION = 1
/** Marks the file as ours: 'BARN'. */
const APPLICATION_ID = 0x4241524e
const BUSY_TIMEOUT_MS = 5_000
const OWNER_ONLY = 0o600
/** Entries that one query of a read takes. */
const PAGE_ENTRIES = 256

const SCHEMA = `
  CREATE TABLE run (id TEXT NOT NULL) STRICT;
  CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    body BLOB NOT NULL,
    chain BLOB NOT NULL
  ) STRICT;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`

export interface SqliteJournalOptions {
  /** Needed to make a journal; an existing one must be of this run. */
  runId?: RunId
  /** Size that the file may reach; an append beyond it fails like a full disk. */
  bytesMax?: number
}

/**
 * Opens or makes the journal in `file`, alone, and checks its whole chain.
 * @throws StorageError `locked`, `damaged`, `full` or `failed`; ConfigError for another run's or a
 * foreign file
 */
export function createSqliteJournal(file: string, options: SqliteJournalOptions = {}): Journal {
  if (options.runId === undefined && !existsSync(file)) {
    throw new ConfigError(`Cannot open the journal ${file}: there is none`)
  }
  let unlock = () => {}
  let database: DatabaseSync | null = null
  try {
    mkdirSync(dirname(file), { recursive: true })
    unlock = lockForWriting(file)
    // Who took part and when is nobody else's business; SQLite's other files get the same mode.
    closeSync(openSync(file, 'a', OWNER_ONLY))
    database = openDatabase(file)
    const runId = prepare(database, file, options)
    const head = checkChain(database, runId)
    if ('reason' in head) throw damaged(file, head)
    return openJournal(database, { file, runId, head, unlock })
  } catch (error) {
    database?.close()
    unlock()
    throw explain('open', file, error)
  }
}

/** One writer for each journal. @throws StorageError `locked`, naming the holder */
function lockForWriting(file: string): () => void {
  const lock = tryLock(file)
  if (lock.status === 'taken') return lock.release
  throw new StorageError(
    'locked',
    `Cannot open the journal ${file}: ${lock.holder} is using it. Stop that one first`,
  )
}

/**
 * The entries of a journal, which may be in use by its writer: those that were there when reading
 * began. The chain is not checked.
 * @throws StorageError or ConfigError when it can't be read as a journal of this run
 */
export function readSqliteJournal(file: string, runId: RunId): Pick<Journal, 'read' | 'close'> {
  return openReader(file, { file, runId })
}

/**
 * The same, with nothing written beside the journal: SQLite leaves files there even when it only
 * reads. What is read is a copy.
 */
export function readUntouched(file: string, runId: RunId): Pick<Journal, 'read' | 'close'> {
  try {
    const copy = copyJournal(file)
    try {
      const reader = openReader(copy.path, { file, runId })
      return {
        read: reader.read,
        close: () => {
          reader.close()
          copy.remove()
        },
      }
    } catch (error) {
      copy.remove()
      throw error
    }
  } catch (error) {
    throw explain('read', file, error)
  }
}

/**
 * Writes a copy of the journal to a file that is not there yet, as it is at this moment, while its
 * writer goes on.
 * @throws StorageError
 */
export function copySqliteJournal(file: string, copy: string): void {
  let database: DatabaseSync | null = null
  try {
    closeSync(openSync(copy, 'wx', OWNER_ONLY))
    database = openDatabase(file, true)
    database.prepare('VACUUM INTO ?').run(copy)
  } catch (error) {
    throw explain('copy', file, error)
  } finally {
    database?.close()
  }
}

/** @param file what messages call it */
function openReader(
  path: string,
  { file, runId }: { file: string; runId: RunId },
): Pick<Journal, 'read' | 'close'> {
  let database: DatabaseSync | null = null
  try {
    const opened = openDatabase(path, true)
    database = opened
    const found = readRunId(opened, file)
    if (found !== runId) throw otherRun(file, runId, found)
    return {
      *read(from = Number.MIN_SAFE_INTEGER) {
        try {
          yield* readPages(opened.prepare(PAGE_QUERY), from)
        } catch (error) {
          throw explain('read', file, error)
        }
      },
      close: () => opened.close(),
    }
  } catch (error) {
    database?.close()
    throw explain('read', file, error)
  }
}

interface OpenJournal {
  file: string
  runId: RunId
  head: JournalHead
  unlock: () => void
}

function openJournal(database: DatabaseSync, { file, runId, head, unlock }: OpenJournal): Journal {
  const insert = database.prepare('INSERT INTO entries (seq, body, chain) VALUES (?, ?, ?)')
  const page = database.prepare(PAGE_QUERY)
  let current = head

  return {
    runId,
    append(bodies) {
      if (bodies.length === 0) return
      const entries = chainEntries(current, bodies)
      inTransaction(database, file, () => {
        for (const { seq, body, chain } of entries) insert.run(seq, body, hexToBytes(chain))
      })
      const { seq, chain } = entries.at(-1) as JournalEntry
      current = { seq, chain }
    },
    read: (from = 1) => readPages(page, from),
    head: () => current,
    close() {
      database.close()
      unlock()
    },
  }
}

const PAGE_QUERY = `
  SELECT seq, body, chain FROM entries
  WHERE seq >= ? ORDER BY seq LIMIT ${PAGE_ENTRIES}
`

/** A damaged file may have anything in a column. */
type Row = { seq: number; body: unknown; chain: unknown }

/** What is not what was written is nothing, which fits no chain. */
const bytesOf = (value: unknown): Uint8Array =>
  value instanceof Uint8Array ? value : new Uint8Array(0)

function* readPages(page: StatementSync, from: number): Generator<JournalEntry> {
  for (let next = from; ; ) {
    const rows = page.all(next) as Row[]
    for (const { seq, body, chain } of rows) {
      yield { seq, body: bytesOf(body), chain: bytesToHex(bytesOf(chain)) }
    }
    if (rows.length < PAGE_ENTRIES) return
    next = (rows.at(-1) as Row).seq + 1
  }
}

/** The head of a whole chain, or where it breaks. */
function checkChain(database: DatabaseSync, runId: RunId): JournalHead | { reason: string } {
  const chain = createChainCheck(runId)
  for (const entry of readPages(database.prepare(PAGE_QUERY), Number.MIN_SAFE_INTEGER)) {
    const reason = chain.check(entry)
    if (reason !== null) return { reason }
  }
  return chain.head()
}

function openDatabase(file: string, readOnly = false): DatabaseSync {
  const database = new DatabaseSync(file, { readOnly })
  database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  return database
}

/** Makes the tables of a new journal, or checks whose they are; returns the run. */
function prepare(database: DatabaseSync, file: string, options: SqliteJournalOptions): RunId {
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  if (options.bytesMax !== undefined) {
    const { page_size: pageBytes } = database.prepare('PRAGMA page_size').get() as {
      page_size: number
    }
    database.exec(
      `PRAGMA max_page_count = ${Math.max(1, Math.floor(options.bytesMax / pageBytes))}`,
    )
  }
  const { count } = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as {
    count: number
  }
  if (count === 0) {
    const { runId } = options
    if (runId === undefined) throw new ConfigError(`Cannot open the journal ${file}: it is empty`)
    inTransaction(database, file, () => {
      database.exec(SCHEMA)
      database.prepare('INSERT INTO run (id) VALUES (?)').run(runId)
    })
  }
  const runId = readRunId(database, file)
  if (options.runId !== undefined && options.runId !== runId) {
    throw otherRun(file, options.runId, runId)
  }
  return runId
}

function otherRun(file: string, wanted: RunId, found: RunId): ConfigError {
  return new ConfigError(
    `Cannot use the journal ${file} as it must be of run ${wanted}: current value is ${found}. ` +
      'Choose another folder for the new run',
  )
}

function readRunId(database: DatabaseSync, file: string): RunId {
  const { application_id: application } = database.prepare('PRAGMA application_id').get() as {
    application_id: number
  }
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as {
    user_version: number
  }
  if (application !== APPLICATION_ID)
    throw new ConfigError(`Cannot use ${file}: it is not a journal`)
  if (version > SCHEMA_VERSION) {
    throw new ConfigError(
      `Cannot use the journal ${file} as its version must be at most ${SCHEMA_VERSION}: ` +
        `current value is ${version}. Update barnraise`,
    )
  }
  const row = database.prepare('SELECT id FROM run').get() as { id: unknown } | undefined
  if (typeof row?.id === 'string') return row.id
  throw damaged(file, { reason: 'it does not say of which run it is' })
}

function inTransaction(database: DatabaseSync, file: string, write: () => void): void {
  try {
    database.exec('BEGIN IMMEDIATE')
    write()
    database.exec('COMMIT')
  } catch (error) {
    rollBack(database)
    throw explain('write', file, error)
  }
}

function rollBack(database: DatabaseSync): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // SQLite rolls back by itself after some errors, and refuses to do it twice.
  }
}

function damaged(file: string, { reason }: { reason: string }): StorageError {
  return new StorageError(
    'damaged',
    `Cannot open the journal ${file}: ${reason}. Restore it from a backup; nothing was changed`,
  )
}

/** SQLite's result codes (sqlite.org/rescode.html), in the words of an operator. */
function explain(doing: string, file: string, error: unknown): unknown {
  const { errcode, message } = error as { errcode?: number; message: string }
  if (errcode === undefined) return storageError(doing, file, error)
  const [code, what] = REASONS[errcode & 0xff] ?? ['failed', message]
  return new StorageError(code, `Cannot ${doing} the journal ${file}: ${what}`, { cause: error })
}

const REASONS: Record<number, ['full' | 'damaged' | 'locked' | 'missing', string]> = {
  5: ['locked', 'another process is writing to it'],
  11: ['damaged', 'the file is damaged. Restore it from a backup'],
  13: ['full', 'the disk is full. Free some space and go on'],
  14: ['missing', 'there is no such file, or it may not be opened'],
  26: ['damaged', 'it is not a SQLite file'],
}
