/**
 * Where a volunteer's process finds the base before it asks the coordinator for it: among what the
 * Hub's tools downloaded earlier, then at mirrors. Whatever comes is known by its digest.
 */

import { createReadStream } from 'node:fs'
import { type BlobReference, ConfigError } from '../../protocol/index.ts'
import { findByDigest } from '../hub/cache.ts'
import type { Log } from '../log.ts'
import type { BlobSource } from '../network/blob-sources.ts'
import { guardedGet } from '../network/guarded-get.ts'
import { mirrorSource } from '../network/mirror-source.ts'
import { mirrorFault } from '../network/mirrors.ts'
import type { Place } from '../network/near.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import { digestOfFile } from '../storage/digest-of-file.ts'

/** The address. @throws ConfigError unless a base may be fetched from there */
export function checkMirror(mirror: string): string {
  const fault = mirrorFault(mirror)
  if (fault === null) return mirror
  throw new ConfigError(`Cannot use the mirror as it must be ${fault}: it is '${mirror}'`)
}

/**
 * Puts the base into the store where the Hub's cache on this machine has it.
 * @param hubCache null: it is not looked at
 */
export async function findCachedBase(
  base: BlobReference,
  blobs: BlobStore,
  hubCache: string | null,
  log: Log,
): Promise<void> {
  const cached = hubCache === null ? null : await findByDigest(hubCache, base.digest)
  if (cached === null || !(await take(base, blobs, cached))) return
  log.info(`The base model was here already: ${cached}`)
}

/** Whether the file is what the digest says: a cache may hold what a crash left. */
async function take(base: BlobReference, blobs: BlobStore, path: string): Promise<boolean> {
  if ((await digestOfFile(path)) !== base.digest) return false
  // Read again: nothing that others may need is touched unless it is the base.
  const { digest } = await blobs.putStream(createReadStream(path))
  return digest === base.digest
}

/**
 * Mirrors as a process asks them.
 * @param own those that its user names, who may name any place
 * @param told those of the coordinator
 * @param nearest the place of the coordinator, which names no nearer one
 */
export function mirrorSources(
  own: readonly string[],
  told: readonly string[],
  nearest: Place,
): BlobSource[] {
  return [
    ...own.map((mirror) => mirrorSource(mirror, guardedGet('here'))),
    ...told.map((mirror) => mirrorSource(mirror, guardedGet(nearest))),
  ]
}
