/**
 * A run as a folder that any web server can show: what a stranger needs to check it, and a page.
 * What is private stays out: keys and token, addresses, run.yaml, and the held-out text unless it
 * is asked for.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  ConfigError,
  type Digest,
  heldOutBlobs,
  type RunConfig,
  type RunId,
} from '../../protocol/index.ts'
import { readIdentity } from '../network/identity-file.ts'
import { blobPath } from '../storage/blob-path.ts'
import { damagedBlob, storageError } from '../storage/errors.ts'
import { encodeJournal } from '../storage/journal-file.ts'
import { readUntouched } from '../storage/sqlite-journal.ts'
import { mismatchText } from './mismatch.ts'
import {
  BLOBS_FOLDER,
  CONFIG_FILE,
  encodePublication,
  JOURNAL_FILE,
  type PublishedFile,
  signPublication,
} from './publication.ts'
import { openTarget, type Pieces } from './publish-target.ts'
import { publishedCard } from './published-card.ts'
import { type RunRecord, readRecord } from './read-record.ts'
import { freshState } from './replay.ts'
import { type RunFolder, readRunConfig } from './run-folder.ts'

export interface PublishOptions {
  out: string
  /** The held-out text goes along, so that others can measure on it. */
  withHeldOut: boolean
  /** The page, by the names of its files. */
  page: ReadonlyMap<string, Uint8Array>
  hear(text: string): void
}

export interface Published {
  folder: string
  runId: RunId
  coordinator: string
  files: number
  bytes: number
}

/**
 * @throws ConfigError when the folder holds no run, its key is gone, or the target is something
 * else's; StorageError when the run is damaged
 */
export async function publishRun(folder: RunFolder, options: PublishOptions): Promise<Published> {
  const { out, withHeldOut, page, hear } = options
  const { config, runId } = await readRunConfig(folder)
  const identity = await readIdentity(folder.identity)
  if (identity === null) {
    throw new ConfigError(
      `Cannot publish the run in '${folder.root}' as its coordinator signs where the journal ` +
        `ends, and its key, ${folder.identity}, is not there: restore it from a backup`,
    )
  }
  const target = await openTarget(out, runId)
  const files: PublishedFile[] = []
  const add: Add = async (path, pieces) => {
    files.push(await target.add(path, pieces))
  }
  hear('writing the journal')
  const record = await writeJournal(folder, { config, runId }, add)
  await add(CONFIG_FILE, [await readFile(folder.config)])
  const blobs = [...proofOf(config, record), ...(withHeldOut ? heldOutOf(config) : [])]
  for (const [index, digest] of [...new Set(blobs)].entries()) {
    hear(`writing blob ${index + 1} of ${blobs.length}`)
    await addBlob(folder, digest, add)
  }
  for (const [name, bytes] of page) await add(name, [bytes])
  const coordinator = identity.peerId
  await add('README.md', [publishedCard({ config, runId, coordinator, record, withHeldOut })])
  const { seq: entries, chain: head } = record.head
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  const { name } = config
  const contents = { name, runId, coordinator, entries, head, files }
  const publication = await signPublication(contents, identity.sign)
  await target.finish(encodePublication(publication))
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  return { folder: out, runId, coordinator, files: files.length, bytes }
}

type Add = (path: string, pieces: Pieces) => Promise<void>

/** Writes the journal as it is now, if it fits, and tells what is in it. */
async function writeJournal(
  folder: RunFolder,
  { config, runId }: { config: RunConfig; runId: RunId },
  add: Add,
): Promise<RunRecord> {
  const journal = readUntouched(folder.journal, runId)
  try {
    const record = await readRecord(journal.read(), freshState(config, runId), () => {})
    if (record.mismatch !== null) {
      throw new ConfigError(
        `Cannot publish the run in '${folder.root}': ${mismatchText(record.mismatch)}`,
      )
    }
    await add(JOURNAL_FILE, encodeJournal(journal.read()))
    return record
  } finally {
    journal.close()
  }
}

/** What the rounds are merged from, what the steps were trained on, and what was signed. */
export function proofOf({ base, adapter, dataset }: RunConfig, { merges }: RunRecord): Digest[] {
  const ofRounds = merges.flatMap(({ job, claimed }) => [
    ...job.contributions.map(({ payload }) => payload.digest),
    // Where every contribution was rejected, there is nothing that was signed.
    ...(claimed.rejected.length < job.contributions.length ? [claimed.manifest.digest] : []),
  ])
  const start = adapter.start === undefined ? [] : [adapter.start.checkpoint]
  const given = [base.weights, ...start, ...dataset.trainShards]
  return given.map(({ digest }) => digest).concat(ofRounds)
}

const heldOutOf = (config: RunConfig): Digest[] => heldOutBlobs(config).map(({ digest }) => digest)

async function addBlob(folder: RunFolder, digest: Digest, add: Add): Promise<void> {
  const path = join(folder.blobs, blobPath(digest))
  const hash = createHash('sha256')
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of createReadStream(path)) {
      hash.update(piece as Uint8Array)
      yield piece as Uint8Array
    }
  }
  await add(`${BLOBS_FOLDER}/${blobPath(digest)}`, pieces()).catch((error) => {
    throw storageError('read', path, error)
  })
  if (hash.digest('hex') !== digest) throw damagedBlob(path)
}
