/**
 * Where this user's programs keep things, by the XDG Base Directory Specification and its likes.
 */
import { createHash } from 'node:crypto'
import { homedir, platform } from 'node:os'
import { join, resolve } from 'node:path'

/** Weights and data that can be fetched again, and the keys of volunteers. */
export function cacheFolder(): string {
  switch (platform()) {
    case 'darwin':
      return join(homedir(), 'Library', 'Caches', 'barnraise')
    case 'win32':
      return join(process.env.LOCALAPPDATA ?? homedir(), 'barnraise', 'Cache')
    default:
      return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'barnraise')
  }
}

/** The weights and data of all runs, each there once for all volunteers of this user. */
export const blobsFolder = (cache: string): string => join(cache, 'blobs')

/** Bases in fewer bits, made of those that an organiser named. */
export const conversionsFolder = (cache: string): string => join(cache, 'conversions')

/** What belongs to one coordinator is named by a short hash of its peer id. */
export const coordinatorKey = (coordinator: string): string => shortHash(coordinator)

/** What belongs to one folder on this machine, there or not, is named by one of its path. */
export const folderKey = (folder: string): string => shortHash(resolve(folder))

const shortHash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16)
