/** SHA-256 of a file that may have any size: it is read in pieces. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Digest } from '../../protocol/index.ts'

/** @throws what the file system throws */
export async function digestOfFile(path: string): Promise<Digest> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array)
  return hash.digest('hex')
}
