/**
 * What a run needs of the Hub, in the cache that its own tools use: from there where it is, else
 * downloaded, resumed and checked.
 */

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../../protocol/index.ts'
import { exists, type RepositoryCache, repositoryCache } from './cache.ts'
import { download, reasonOf, refused } from './download.ts'
import { describeReference, type HubReference } from './reference.ts'
import {
  infoAddress,
  type RepositoryFile,
  type RepositoryInfo,
  repositoryInfo,
} from './repository-info.ts'
import type { HubSettings } from './settings.ts'

export type HubProgress = (file: string, done: number, total: number) => void

export interface Snapshot {
  folder: string
  /** The wanted ones, relative to it: it may hold others, from another time. */
  files: readonly string[]
}

/**
 * Which of all files are wanted; throws ConfigError when they do not do. `read`
 * gives the path on this machine of one that tells which others are.
 */
export type Wanted = (
  names: readonly string[],
  read: (name: string) => Promise<string>,
) => Promise<readonly string[]> | readonly string[]

/**
 * The paths on this machine of the files that are wanted of a repository.
 * @throws ConfigError when it cannot be had, with what to do
 */
export async function fetchSnapshot(
  reference: HubReference,
  wanted: Wanted,
  settings: HubSettings,
  onProgress: HubProgress,
): Promise<Snapshot> {
  const cache = repositoryCache(settings.cache, reference)
  const info = settings.isOffline ? 'HF_HUB_OFFLINE is set' : await ask(reference, settings)
  if (typeof info === 'string') return cached(reference, wanted, cache, info)
  const siblings = new Map(info.siblings.map((sibling) => [sibling.rfilename, sibling]))
  const fetchOne = (name: string) =>
    fetchFile(reference, info.sha, siblings.get(name)!, cache, settings, onProgress)
  const files = await wanted([...siblings.keys()], async (name) => {
    await fetchOne(name)
    return join(cache.snapshot(info.sha), name)
  })
  for (const name of files) await fetchOne(name)
  await cache.remember(info.sha)
  return { folder: cache.snapshot(info.sha), files }
}

/** What the Hub says of a revision; a text: why it cannot be asked. */
async function ask(
  reference: HubReference,
  settings: HubSettings,
): Promise<RepositoryInfo | string> {
  try {
    const info = await repositoryInfo(reference, settings)
    if (typeof info === 'number') throw refused(infoAddress(reference, settings), info)
    return info
  } catch (error) {
    if (error instanceof ConfigError) throw error
    return `${settings.endpoint} cannot be reached (${reasonOf(error)})`
  }
}

/** A download that broke, or another tool, may have left a part of a snapshot: that will not do. */
async function cached(
  reference: HubReference,
  wanted: Wanted,
  cache: RepositoryCache,
  reason: string,
): Promise<Snapshot> {
  const commit = await cache.commit()
  const folder = commit === null ? null : cache.snapshot(commit)
  const names = folder === null ? [] : await filesIn(folder)
  try {
    if (folder !== null) {
      const read = async (name: string) => join(folder, name)
      return { folder, files: await wanted(names, read) }
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
  }
  const part = names.length > 0 ? 'only a part of it is in the cache' : 'it is not in the cache'
  throw new ConfigError(
    `Cannot use '${describeReference(reference)}' as ${reason}, and ${part}: ` +
      'go online once, or give the path of a file or folder, as here is none of that name',
  )
}

/** Folders, and links that lead nowhere, are left out. */
async function filesIn(folder: string): Promise<string[]> {
  const names: string[] = []
  const found = await readdir(folder, { recursive: true }).catch(() => [])
  for (const name of found) {
    const entry = await stat(join(folder, name)).catch(() => null)
    if (entry?.isFile()) names.push(name.replaceAll('\\', '/'))
  }
  return names.sort()
}

async function fetchFile(
  { type, id }: HubReference,
  commit: string,
  { rfilename: name, size, blobId, lfs }: RepositoryFile,
  cache: RepositoryCache,
  { endpoint, token }: HubSettings,
  onProgress: HubProgress,
): Promise<void> {
  const etag = lfs?.sha256 ?? blobId
  const path = cache.blob(etag)
  if (!(await exists(path))) {
    const prefix = type === 'datasets' ? 'datasets/' : ''
    const file = name.split('/').map(encodeURIComponent).join('/')
    await download({
      url: `${endpoint}/${prefix}${id}/resolve/${commit}/${file}`,
      hash: lfs ? { type: 'sha256', hex: lfs.sha256 } : { type: 'git', hex: blobId },
      token,
      path,
      bytes: size,
      onBytes: (done) => onProgress(name, done, size),
    })
  }
  await cache.link(commit, name, etag)
}
