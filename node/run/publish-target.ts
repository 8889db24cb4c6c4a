/**
 * The folder that a run is published into. Until all of it is there, a list in it says which files
 * are of this publication and of the one before, so that whoever is interrupted can begin again,
 * and nothing stays of what was to be taken away.
 */
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { appendFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ConfigError, ProtocolError, type RunId } from '../../protocol/index.ts'
import { ignoreMissing, makeFolder } from '../storage/file-system.ts'
import {
  decodePublication,
  INDEX_FILE,
  isPublishedPath,
  type PublishedFile,
} from './publication.ts'

export type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

export interface PublishTarget {
  add(path: string, pieces: Pieces): Promise<PublishedFile>
  /** Writes the table of contents, after which the publication is whole. */
  finish(index: Uint8Array): Promise<void>
}

export const UNFINISHED_FILE = '.barnraise-unfinished'

/**
 * The folder, without what earlier publications of the run left in it.
 * @throws ConfigError when it is a file, or holds other things
 */
export async function openTarget(out: string, runId: RunId): Promise<PublishTarget> {
  const earlier = await earlierFiles(out, runId)
  await makeFolder(out)
  const list = join(out, UNFINISHED_FILE)
  // A list of an earlier try is replaced at once, so that none of its names is lost.
  await writeFile(`${list}.part`, [runId, ...earlier, ''].join('\n'))
  await rename(`${list}.part`, list)
  // Without its table of contents, nobody takes what is left for a publication.
  for (const path of [INDEX_FILE, ...earlier]) await rm(join(out, path), { force: true })
  return {
    async add(path, pieces) {
      await appendFile(list, `${path}\n`)
      return writePublished(out, path, pieces)
    },
    async finish(index) {
      await writeFile(join(out, INDEX_FILE), index)
      await rm(list)
    },
  }
}

/** What was published of the run here, or begun to be. */
async function earlierFiles(out: string, runId: RunId): Promise<string[]> {
  const names = await namesIn(out)
  const begun = await begunFiles(out, runId)
  const whole = await wholeFiles(out, runId)
  const isOurs = begun !== null || whole !== null
  if (isOurs || names.every((name) => name.startsWith(UNFINISHED_FILE))) {
    return [...new Set([...(begun ?? []), ...(whole ?? [])])]
  }
  throw new ConfigError(
    `Cannot publish into '${out}' as it holds other things: give a new folder, or an empty one`,
  )
}

async function namesIn(out: string): Promise<string[]> {
  const found = await stat(out).catch(ignoreMissing)
  if (found === undefined) return []
  if (found.isDirectory()) return readdir(out)
  throw new ConfigError(`Cannot publish into '${out}' as it is a file: give a new folder`)
}

/** The files that the list names; null: there is none of this run. */
async function begunFiles(out: string, runId: RunId): Promise<string[] | null> {
  const list = await readFile(join(out, UNFINISHED_FILE), 'utf8').catch(ignoreMissing)
  const [ofRun, ...paths] = list?.split('\n') ?? []
  return ofRun === runId ? paths.filter(isPublishedPath) : null
}

/** The files of a publication that was finished; null: there is none of this run. */
async function wholeFiles(out: string, runId: RunId): Promise<string[] | null> {
  const index = await readFile(join(out, INDEX_FILE)).catch(ignoreMissing)
  if (index === undefined) return null
  try {
    const earlier = decodePublication(index)
    return earlier.runId === runId ? earlier.files.map(({ path }) => path) : null
  } catch (error) {
    if (error instanceof ProtocolError) return null
    throw error
  }
}

async function writePublished(out: string, path: string, pieces: Pieces): Promise<PublishedFile> {
  const target = join(out, path)
  await mkdir(dirname(target), { recursive: true })
  const hash = createHash('sha256')
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      hash.update(piece)
      yield piece
    }
  }
  await pipeline(hashed(), createWriteStream(target))
  const { size: bytes } = await stat(target)
  return { path, bytes, sha256: hash.digest('hex') }
}
