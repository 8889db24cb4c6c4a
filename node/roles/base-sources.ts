/**
 * Where a volunteer finds the base before it asks the coordinator for it: among what the Hub's
 * tools downloaded earlier, then at mirrors. Whatever comes is known by its digest.
 */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type BlobReference, ConfigError, type Digest } from '../../protocol/index.ts'
import { findByDigest } from '../hub/cache.ts'
import { download } from '../hub/download.ts'
import type { Log } from '../log.ts'
import type { BlobStore } from '../storage/blob-store.ts'

export interface BaseSources {
  /** The Hub's cache on this machine; null: it is not looked at. */
  hubCache: string | null
  /** Addresses; each has the base at ADDRESS/DIGEST. */
  mirrors: readonly string[]
  /** Where a download from a mirror is kept until it is whole. */
  folder: string
}

/**
 * The address without its last slash.
 * @throws ConfigError when others on the way could see what is fetched, or change it
 */
export function checkMirror(mirror: string): string {
  const url = URL.canParse(mirror) ? new URL(mirror) : null
  const isLoopback = url !== null && /^(127(\.\d+){3}|localhost|\[::1\])$/.test(url.hostname)
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback)) {
    return mirror.replace(/\/+$/, '')
  }
  throw new ConfigError(`Cannot use the mirror as it must be an https address: it is '${mirror}'`)
}

/** Whether the base is in the store now. */
export async function findBase(
  base: BlobReference,
  blobs: BlobStore,
  { hubCache, mirrors, folder }: BaseSources,
  log: Log,
  onBytes: (done: number, moved: number) => void,
): Promise<boolean> {
  const cached = hubCache === null ? null : await findByDigest(hubCache, base.digest)
  if (cached !== null && (await take(base, blobs, cached))) {
    log.info(`The base model was here already: ${cached}`)
    return true
  }
  for (const mirror of mirrors) {
    const path = join(folder, base.digest)
    const hash = { type: 'sha256', hex: base.digest } as const
    const { bytes } = base
    try {
      await download({ url: `${mirror}/${base.digest}`, token: null, path, bytes, hash, onBytes })
      const isBase = await take(base, blobs, path)
      await rm(path)
      if (isBase) return true
    } catch (error) {
      log.warn(`${mirror} does not help: ${(error as Error).message}`)
    }
  }
  return false
}

/** Whether the file is what the digest says: a cache may hold what a crash left. */
async function take(base: BlobReference, blobs: BlobStore, path: string): Promise<boolean> {
  if ((await digestOfFile(path)) !== base.digest) return false
  // Read again: nothing that others may need is touched unless it is the base.
  const { digest } = await blobs.putStream(createReadStream(path))
  return digest === base.digest
}

async function digestOfFile(path: string): Promise<Digest> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array)
  return hash.digest('hex')
}
