/**
 * A copy of a run, made while it is hosted or not, and again and again into the same folder: what
 * is there is not copied twice. It is a run's folder like the first, from which the run goes on as
 * it was.
 *
 * The journal is copied first, as it is at one moment, and put in place last. Bytes are stored
 * before the journal names them, and never changed, so whatever the copy names is there by then; a
 * backup that is interrupted leaves the one before as it was.
 */
import { existsSync, globSync } from 'node:fs'
import { chmod, copyFile, cp, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { statusOf } from '../../coordinator/index.ts'
import { ConfigError, type RunId } from '../../protocol/index.ts'
import { storageError } from '../storage/errors.ts'
import { tryLock } from '../storage/file-lock.ts'
import { makeFolder } from '../storage/file-system.ts'
import type { JournalEntry } from '../storage/journal.ts'
import { copySqliteJournal, readSqliteJournal } from '../storage/sqlite-journal.ts'
import { openRun } from './open-run.ts'
import { isRunFolder, type RunFolder, readRunConfig, runFolder } from './run-folder.ts'

export interface BackedUp {
  folder: string
  /** Blobs that were not there yet, and their bytes. */
  blobs: number
  bytes: number
  /** How far the copy has come. */
  round: number
  batches: number
}

const OWNER_ONLY = 0o600
/** A blob is named by its digest, below the first two digits of it. */
const BLOBS = '[0-9a-f][0-9a-f]/*'

/**
 * @param hear told what is copied
 * @throws ConfigError when there is no run, or the target is something else's; StorageError
 */
export async function backUp(
  from: RunFolder,
  out: string,
  hear: (text: string) => void,
): Promise<BackedUp> {
  const { runId } = await readRunConfig(from)
  const to = runFolder(out)
  await checkTarget(from, to, runId)
  await makeFolder(to.root)
  // They say whose copy it is, and that nobody goes on with it before the journal is there.
  await copyFiles(from, to, ['coordinator', 'config'])
  const lock = tryLock(to.journal)
  if (lock.status === 'held') {
    throw new ConfigError(
      `Cannot back up into '${to.root}' as ${lock.holder} uses the run there: stop that first`,
    )
  }
  try {
    hear('copying the journal')
    const journal = `${to.journal}.new`
    await rm(journal, { force: true })
    const wasHosted = existsSync(from.journal)
    if (wasHosted) copySqliteJournal(from.journal, journal)
    if (wasHosted) checkNotFurther(journal, to, runId)
    const copied = await copyBlobs(from, to, hear)
    if (existsSync(from.base)) await cp(from.base, to.base, { recursive: true })
    await copyFiles(from, to, ['yaml', 'identity', 'token', 'coinKey', 'link'])
    if (!wasHosted) return { folder: to.root, ...copied, round: 0, batches: 0 }
    // What was written beside the journal before goes with it.
    for (const beside of ['-wal', '-shm']) await rm(to.journal + beside, { force: true })
    await rename(journal, to.journal)
    const { round, batchesCounted: batches } = statusOf((await openRun(to)).state)
    return { folder: to.root, ...copied, round, batches }
  } catch (error) {
    throw storageError('back up into', to.root, error)
  } finally {
    lock.release()
  }
}

async function checkTarget(from: RunFolder, to: RunFolder, runId: string): Promise<void> {
  const cannot = `Cannot back up into '${to.root}' as it`
  const within = relative(resolve(from.root), resolve(to.root))
  const isOutside = isAbsolute(within) || within === '..' || within.startsWith(`..${sep}`)
  if (!isOutside) {
    throw new ConfigError(`${cannot} is within the run itself: give another folder`)
  }
  if (isRunFolder(to.root)) {
    const other = await readRunConfig(to)
    if (other.runId === runId) return
    throw new ConfigError(`${cannot} holds another run, ${other.runId}: give another folder`)
  }
  const names = existsSync(to.root) ? await readdir(to.root).catch(() => ['']) : []
  if (names.length > 0) throw new ConfigError(`${cannot} holds other things: give an empty folder`)
}

async function copyBlobs(
  from: RunFolder,
  to: RunFolder,
  hear: (text: string) => void,
): Promise<Pick<BackedUp, 'blobs' | 'bytes'>> {
  const missing = globSync(BLOBS, { cwd: from.blobs }).filter(
    (path) => !existsSync(join(to.blobs, path)),
  )
  let bytes = 0
  for (const [index, path] of missing.entries()) {
    const target = join(to.blobs, path)
    await mkdir(dirname(target), { recursive: true })
    const part = join(to.blobs, `${basename(path)}.part`)
    await copyFile(join(from.blobs, path), part)
    bytes += (await stat(part)).size
    await rename(part, target)
    hear(`copying blobs: ${index + 1} of ${missing.length}`)
  }
  return { blobs: missing.length, bytes }
}

/**
 * A copy that was hosted meanwhile went on by itself: this run is not what it has.
 * @param journal the copy of this run's
 * @throws ConfigError
 */
function checkNotFurther(journal: string, to: RunFolder, runId: RunId): void {
  if (!existsSync(to.journal)) return
  const last = lastEntry(to.journal, runId)
  if (last === null) return
  const own = readSqliteJournal(journal, runId)
  const [same] = own.read(last.seq)
  own.close()
  if (same?.seq === last.seq && same.chain === last.chain) return
  throw new ConfigError(
    `Cannot back up into '${to.root}' as the run there went on by itself: its journal has what ` +
      'this one has not. Give another folder, or go on with that one',
  )
}

function lastEntry(file: string, runId: RunId): JournalEntry | null {
  const journal = readSqliteJournal(file, runId)
  let last: JournalEntry | null = null
  for (const entry of journal.read()) last = entry
  journal.close()
  return last
}

const SECRET = new Set(['identity', 'token', 'coinKey', 'link'])

async function copyFiles(
  from: RunFolder,
  to: RunFolder,
  names: readonly (keyof RunFolder)[],
): Promise<void> {
  for (const name of names) {
    if (!existsSync(from[name])) continue
    await copyFile(from[name], to[name])
    if (SECRET.has(name)) await chmod(to[name], OWNER_ONLY)
  }
}
