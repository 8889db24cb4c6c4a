/**
 * The Hub's cache, as Python's library lays it out, so that neither downloads what the other has:
 *
 *   models--org--name/refs/main                     the commit that a branch was at
 *   models--org--name/blobs/<etag>                  files by SHA-256, or git's id of small ones
 *   models--org--name/snapshots/<commit>/<file>     links to them, or copies
 *
 * Source: huggingface_hub, "Understand caching".
 */

import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import type { Digest } from '../../protocol/index.ts'
import type { HubReference } from './reference.ts'

export interface RepositoryCache {
  /** Where a file of this content is, or will be. */
  blob(etag: string): string
  snapshot(commit: string): string
  /** The commit that the revision was at when last asked for; null: never. */
  commit(): Promise<string | null>
  remember(commit: string): Promise<void>
  /** Puts a file of the content into the snapshot. */
  link(commit: string, file: string, etag: string): Promise<void>
}

const COMMIT = /^[0-9a-f]{40}$/

export function repositoryCache(
  cache: string,
  { type, id, revision }: HubReference,
): RepositoryCache {
  const root = join(cache, `${type}--${id.replaceAll('/', '--')}`)
  const blob = (etag: string) => join(root, 'blobs', etag)
  const snapshot = (commit: string) => join(root, 'snapshots', commit)
  const reference = join(root, 'refs', revision)
  return {
    blob,
    snapshot,
    async commit() {
      if (COMMIT.test(revision)) return revision
      const text = await readFile(reference, 'utf8').catch(() => '')
      return COMMIT.test(text.trim()) ? text.trim() : null
    },
    async remember(commit) {
      if (COMMIT.test(revision)) return
      await mkdir(dirname(reference), { recursive: true })
      await writeFile(`${reference}.new`, commit)
      await rename(`${reference}.new`, reference)
    },
    async link(commit, file, etag) {
      const path = join(snapshot(commit), file)
      if (await exists(path)) return
      await mkdir(dirname(path), { recursive: true })
      const target = relative(dirname(path), blob(etag))
      // Not every file system has links.
      await symlink(target, path).catch(() => copyFile(blob(etag), path))
    },
  }
}

/** A file of this content that some download left in the cache; null: none. */
export async function findByDigest(cache: string, digest: Digest): Promise<string | null> {
  for (const repository of await readdir(cache).catch(() => [])) {
    const path = join(cache, repository, 'blobs', digest)
    if (await exists(path)) return path
  }
  return null
}

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
