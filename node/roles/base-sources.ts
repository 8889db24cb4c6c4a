/**
 * Where a volunteer finds the base before it asks the coordinator for it: among what the Hub's
 * tools downloaded earlier, then at mirrors. Whatever comes is known by its digest.
 */
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from '../../protocol/errors.ts'
import type { BlobReference } from '../../protocol/run-config.ts'
import { findByDigest } from '../hub/cache.ts'
import { download } from '../hub/download.ts'
import type { Log } from '../log.ts'
import type { BlobStore } from '../storage/blob-store.ts'

export interface BaseSources {
  /** The Hub's cache on this machine; null: it is not looked at. */
  hubCache: string | null
  /** A base lies at MIRROR/DIGEST. */
  mirrors: readonly string[]
  /** For what is on its way from a mirror. */
  folder: string
}

/** @throws ConfigError unless whoever is on the way could be told by it */
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
      await take(base, blobs, path)
      await rm(path)
      return true
    } catch (error) {
      log.warn(`${mirror} does not help: ${(error as Error).message}`)
    }
  }
  return false
}

/** Whether the file is what the digest says: a cache may hold what a crash left. */
async function take(base: BlobReference, blobs: BlobStore, path: string): Promise<boolean> {
  const { digest } = await blobs.putStream(createReadStream(path))
  if (digest === base.digest) return true
  await blobs.remove(digest)
  return false
}
