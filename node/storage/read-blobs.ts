/** Blobs of a folder to be read, by their digests; nothing is written there. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, isDigest } from '../../protocol/index.ts'
import { blobPath } from './blob-path.ts'
import { digestOfFile } from './digest-of-file.ts'
import { damagedBlob, storageError } from './errors.ts'
import { ignoreMissing } from './file-system.ts'

/** @throws LostBytesError when they are not there, or don't match the digest */
export async function readBlob(folder: string, digest: Digest): Promise<Uint8Array> {
  const path = join(folder, blobPath(digest))
  const bytes = await readFile(path).catch((error) => {
    throw storageError('read', path, error)
  })
  if (createHash('sha256').update(bytes).digest('hex') !== digest) throw damagedBlob(path)
  // Plain bytes, because a Buffer's `slice` shares what it should copy.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/**
 * The path of a blob of any size, once its bytes were found to match the digest.
 * @throws LostBytesError when they are not there, or don't
 */
export async function blobFile(folder: string, digest: Digest): Promise<string> {
  const path = join(folder, blobPath(digest))
  const found = await digestOfFile(path).catch((error) => {
    throw storageError('read', path, error)
  })
  if (found !== digest) throw damagedBlob(path)
  return path
}

/** Sorted; none where there is no such folder. */
export async function listBlobs(folder: string): Promise<Digest[]> {
  const parts = ((await readdir(folder).catch(ignoreMissing)) ?? []).filter((name) =>
    /^[0-9a-f]{2}$/.test(name),
  )
  const names = await Promise.all(parts.map((part) => readdir(join(folder, part))))
  return names.flat().filter(isDigest).sort()
}
