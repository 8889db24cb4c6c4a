/**
 * A run as a model repository of the Hub: the adapter with its card, as `export` writes them, and
 * below `proof/` what strangers check it by, as `publish` writes it.
 *
 * Blobs go first, some at a time; the last commit has all else, so that whoever looks in between
 * sees what was there before. Files that are there already are not sent again.
 */
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, counted, type PeerId, type RunId } from '../../protocol/index.ts'
import { CARD_FILE } from '../export/write-export.ts'
import type { HubSettings } from '../hub/settings.ts'
import {
  checkToken,
  commitFiles,
  type FoundRepository,
  findRepository,
  type HubCommit,
  type HubFile,
  hubTarget,
  isSame,
  makeRepository,
  readText,
} from '../hub/upload.ts'
import type { HubTarget } from '../hub/upload-error.ts'
import { exportRun } from './export-run.ts'
import { BLOBS_FOLDER, decodePublication, INDEX_FILE } from './publication.ts'
import { type PublishOptions, publishRun } from './publish.ts'
import { type RunFolder, readRunConfig } from './run-folder.ts'

export interface HubPublishOptions extends Pick<PublishOptions, 'withHeldOut' | 'hear'> {
  /** org/name */
  repository: string
  settings: HubSettings
  /** The page, by the names of its files. */
  makePage(): Promise<PublishOptions['page']>
  /** Where what is below `proof/` stays on this machine; null: nowhere. */
  out: string | null
  isPrivate: boolean
  /** What the repository has of others is replaced; its history keeps it. */
  force: boolean
  /** Hears of bytes that are there, of so many. */
  onBytes(done: number, total: number): void
}

export interface HubPublished {
  repository: string
  url: string
  commit: string
  runId: RunId
  coordinator: PeerId
  /** What the repository has of the run. */
  files: number
  bytes: number
}

/** Source: Hugging Face, "Repository limitations and recommendations". */
const COMMIT_FILES_MAX = 100
const PROOF = 'proof'
const BLOBS = `${PROOF}/${BLOBS_FOLDER}/`
/** What the Hub or an earlier try puts into a repository that is nobody's yet. */
const NOBODYS = /^(\.git\w+|LICENSE(\.\w+)?|proof\/blobs\/.+)$/
const FRONT_MATTER = /^\s*(---\n[\s\S]*?\n---\s*)?$/

/**
 * @throws ConfigError when the Hub refuses, the repository is something else's, or the run cannot
 *   be published; what arrived is there, and the next try goes on
 */
export async function publishToHub(
  folder: RunFolder,
  options: HubPublishOptions,
): Promise<HubPublished> {
  const { repository, settings, isPrivate, withHeldOut, hear } = options
  const target = hubTarget(repository, settings)
  const { config, runId } = await readRunConfig(folder)
  hear('asking the Hub')
  await checkToken(target)
  const found = await findRepository(target)
  if (found !== null) await checkFound(target, found, runId, options)
  const { publishing } = folder
  await rm(publishing, { recursive: true, force: true })
  try {
    const adapter = join(publishing, 'adapter')
    const address = proofAddress(repository, settings)
    const how = { format: 'peft', round: null, out: adapter, proof: address } as const
    const { round } = await exportRun(folder, how)
    if (found === null) await makeRepository(target, isPrivate)
    const out = options.out ?? join(publishing, PROOF)
    const page = await options.makePage()
    const { coordinator } = await publishRun(folder, { out, withHeldOut, page, hear })
    const files = [...(await exportedFiles(adapter)), ...(await publishedFiles(out))]
    const title = `${config.name}, after ${counted(round, 'round')}`
    const commit = await upload({ target, found, files, title, options })
    const url = `${settings.endpoint}/${repository}`
    const bytes = bytesOf(files)
    return { repository, url, commit, runId, coordinator, files: files.length, bytes }
  } finally {
    await rm(publishing, { recursive: true, force: true })
  }
}

/** Where `verify` finds what is below `proof/`. */
export const proofAddress = (repository: string, { endpoint }: HubSettings): string =>
  `${endpoint}/${repository}/resolve/main/${PROOF}`

/** @throws ConfigError when it is not for this run, or open to all where that is not wanted */
async function checkFound(
  target: HubTarget,
  { commit, files, isPrivate }: FoundRepository,
  runId: string,
  options: Pick<HubPublishOptions, 'isPrivate' | 'force'>,
): Promise<void> {
  const { id } = target
  if (options.isPrivate && !isPrivate) {
    throw new ConfigError(
      `Cannot publish to '${id}' as '--private' is given, and it is there and public: make it ` +
        'private in its settings, or give another name',
    )
  }
  if (options.force) return
  const card = files.has(CARD_FILE) ? await readText(target, commit, CARD_FILE) : ''
  // The card of an export names its run.
  if (card.includes(runId)) return
  const others = [...files.keys()].filter((path) =>
    path === CARD_FILE ? !FRONT_MATTER.test(card) : !NOBODYS.test(path),
  )
  if (others.length === 0) return
  throw new ConfigError(
    `Cannot publish to '${id}' as it holds other things (${others[0]}): give another name, or ` +
      "'--force', which replaces all of them in a commit; its history keeps them",
  )
}

/** The folder was made for this. */
async function exportedFiles(folder: string): Promise<HubFile[]> {
  const names = await readdir(folder)
  return Promise.all(names.map((name) => hubFile(name, join(folder, name))))
}

/** What the table of contents names: others may have put more into the folder. */
async function publishedFiles(folder: string): Promise<HubFile[]> {
  const { files } = decodePublication(await readFile(join(folder, INDEX_FILE)))
  const named = files.map(({ path, bytes }) => {
    return { path: `${PROOF}/${path}`, source: join(folder, path), bytes }
  })
  return [...named, await hubFile(`${PROOF}/${INDEX_FILE}`, join(folder, INDEX_FILE))]
}

async function hubFile(path: string, source: string): Promise<HubFile> {
  return { path, source, bytes: (await stat(source)).size }
}

interface Upload {
  target: HubTarget
  /** Null: the repository is new. */
  found: FoundRepository | null
  files: readonly HubFile[]
  title: string
  options: HubPublishOptions
}

/** Returns the commit with which all is there. @throws ConfigError that says how far it came */
async function upload({ target, found, files, title, options }: Upload): Promise<string> {
  const { hear, onBytes, force } = options
  hear('comparing with what is there')
  const missing: HubFile[] = []
  for (const file of files) {
    if (!(await isSame(found?.files.get(file.path), file))) missing.push(file)
  }
  const total = bytesOf(missing)
  let [done, there] = [0, files.length - missing.length]
  let commit = found?.commit ?? null
  for (const part of commitsOf(missing, removedOf(found, files, force), title)) {
    let moved = done
    done += bytesOf(part.files)
    const hearBytes = (bytes: number) => {
      moved += bytes
      onBytes(Math.min(moved, done), total)
    }
    commit = await commitFiles(target, part, hearBytes).catch((error) => {
      throw error instanceof ConfigError ? unfinished(error, there, files.length) : error
    })
    there += part.files.length
    onBytes(done, total)
  }
  if (commit === null) throw new Error('a new repository lacks every file')
  return commit
}

/** Blobs in parts, then all else. */
export function commitsOf(
  missing: readonly HubFile[],
  removed: readonly string[],
  title: string,
): HubCommit[] {
  const blobs = missing.filter(({ path }) => path.startsWith(BLOBS))
  const commits: HubCommit[] = []
  for (let at = 0; at < blobs.length; at += COMMIT_FILES_MAX) {
    const files = blobs.slice(at, at + COMMIT_FILES_MAX)
    commits.push({ title: `${title}: blobs of its proof`, files, removed: [] })
  }
  const rest = missing.filter(({ path }) => !path.startsWith(BLOBS))
  if (rest.length + removed.length > 0) commits.push({ title, files: rest, removed })
  return commits
}

/** What no longer belongs to the proof, or, where all is replaced, to the repository. */
function removedOf(
  found: FoundRepository | null,
  files: readonly HubFile[],
  isReplaced: boolean,
): string[] {
  const kept = new Set(files.map(({ path }) => path))
  const isOld = (path: string) =>
    path.startsWith(`${PROOF}/`) || (isReplaced && !NOBODYS.test(path))
  return [...(found?.files.keys() ?? [])].filter((path) => !kept.has(path) && isOld(path))
}

function unfinished(error: ConfigError, there: number, files: number): ConfigError {
  return new ConfigError(
    `${error.message}. ${there} of ${counted(files, 'file')} are there: the same command again ` +
      'sends only what is missing',
  )
}

const bytesOf = (files: readonly HubFile[]): number =>
  files.reduce((sum, { bytes }) => sum + bytes, 0)
