/**
 * A large file, written piece by piece under another name until it is whole: whoever finds it under
 * its own name finds all of it.
 */

import { createHash } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import type { Digest } from '../../protocol/index.ts'

export interface WrittenFile {
  path: string
  bytes: number
  digest: Digest
}

/** @param signal asked before each piece; where it has aborted, nothing of the file is left */
export async function writeInPieces(
  path: string,
  pieces: Iterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<WrittenFile> {
  const unfinished = `${path}.part`
  const hash = createHash('sha256')
  let bytes = 0
  const file = await open(unfinished, 'w')
  try {
    for (const piece of pieces) {
      signal?.throwIfAborted()
      hash.update(piece)
      bytes += piece.length
      await file.writeFile(piece)
    }
    await file.close()
    await rename(unfinished, path)
  } catch (error) {
    await file.close()
    await rm(unfinished, { force: true })
    throw error
  }
  return { path, bytes, digest: hash.digest('hex') }
}
