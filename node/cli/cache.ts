/**
 * `barnraise cache`: what volunteers on this machine keep of runs, and what its organiser made of
 * bases, and how to be rid of it.
 */

import { existsSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../../protocol/index.ts'
import { byteSize } from '../history/figures.ts'
import { volunteersAt } from '../roles/volunteer-home.ts'
import { createFileBlobStore } from '../storage/file-blob-store.ts'
import { command } from './command.ts'
import { blobsFolder, cacheFolder, conversionsFolder } from './folders.ts'
import { printColumns, printJson, printLine } from './output.ts'

export interface CacheOptions {
  cache?: string
  free?: boolean
  json?: boolean
}

interface CachedBlob {
  digest: string
  bytes: number
  /** When it was fetched, as ISO 8601. */
  since: string
}

export async function cache(options: CacheOptions): Promise<void> {
  const root = options.cache ?? cacheFolder()
  const folder = blobsFolder(root)
  const blobs = existsSync(folder) ? await listBlobs(folder) : []
  const made = await bytesIn(conversionsFolder(root))
  const bytes = blobs.reduce((sum, blob) => sum + blob.bytes, made)
  if (options.free) {
    await free(root)
    if (options.json) printJson({ folder, freed: bytes })
    else printLine(`Freed ${byteSize(bytes)}. What is needed again is fetched or made again.`)
  } else if (options.json) printJson({ folder, bytes, made, blobs })
  else print(folder, bytes - made, blobs, made)
}

/** The bytes of all files in a folder. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const found = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => null)))
  return found.reduce((sum, one) => sum + (one?.isFile() ? one.size : 0), 0)
}

async function listBlobs(folder: string): Promise<CachedBlob[]> {
  const store = await createFileBlobStore(folder)
  const listed = (await store.list()).map(async (digest) => {
    const { size, mtime } = await stat(store.path(digest))
    return { digest, bytes: size, since: mtime.toISOString() }
  })
  return (await Promise.all(listed)).sort((a, b) => b.bytes - a.bytes)
}

/** Weights, data and broken transfers; keys stay. @throws ConfigError while they are used */
async function free(root: string): Promise<void> {
  const runs = (await readdir(root).catch(() => [])).filter((name) => /^[0-9a-f]{16}$/.test(name))
  const users = (await Promise.all(runs.map((run) => volunteersAt(join(root, run))))).flat()
  if (users.length > 0) {
    throw new ConfigError(
      `Cannot free the cache as volunteers are using it: ${users.join(', ')}. ` +
        `Let them go first: \`${command('finish')}\`, or \`${command('leave')}\``,
    )
  }
  await rm(blobsFolder(root), { recursive: true, force: true })
  await rm(conversionsFolder(root), { recursive: true, force: true })
}

function print(folder: string, bytes: number, blobs: readonly CachedBlob[], made: number): void {
  printLine(`Weights and data of runs in ${folder}: ${byteSize(bytes)}`)
  if (made > 0) printLine(`Bases in 4 bits that were made here: ${byteSize(made)}`)
  if (blobs.length + made === 0) return
  const rows = blobs.map(({ digest, bytes: size, since }) => [
    `  ${digest.slice(0, 16)}`,
    byteSize(size),
    `since ${since.slice(0, 10)}`,
  ])
  if (rows.length > 0) printColumns(rows)
  printLine(
    `Free it with \`${command('cache --free')}\`: what is needed again is fetched or made again.`,
  )
}
