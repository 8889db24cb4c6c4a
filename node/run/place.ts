/** Where a published run lies: a folder, a web server, or what a test makes up. */
import type { Digest } from '../../protocol/index.ts'
import { StorageError } from '../storage/errors.ts'

export interface Place {
  /** What messages call it. */
  name: string
  /** The file in pieces, of which the last ends within the bound. @throws Error */
  open(path: string, bytesMax: number): AsyncIterable<Uint8Array>
  /** The files that lie there, where they lie on this machine; null: elsewhere. */
  local: LocalFiles | null
  /** SHA-256, the fastest that this platform has. */
  digestOf(bytes: Uint8Array): Promise<Digest>
}

export interface LocalFiles {
  /** All but dotted ones. */
  list(): Promise<string[]>
  /** SHA-256 of a file of any size, which is not taken into memory. @throws Error */
  digestOf(path: string): Promise<Digest>
  /** How this machine's file system names it. */
  pathOf(path: string): string
}

/** @throws Error when it is not there, or has more bytes */
export async function readWhole(place: Place, path: string, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of place.open(path, bytesMax)) {
    bytes += piece.length
    if (bytes > bytesMax) throw tooLong(path, bytesMax)
    pieces.push(piece)
  }
  const whole = new Uint8Array(bytes)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

export function tooLong(path: string, bytesMax: number): StorageError {
  return new StorageError(
    'damaged',
    `Cannot read ${path} as it must have at most ${bytesMax} bytes: it has more`,
  )
}

/** The same, until the signal aborts: then it gives nothing more. */
export function untilAborted(place: Place, signal: AbortSignal): Place {
  return {
    ...place,
    async *open(path, bytesMax) {
      signal.throwIfAborted()
      for await (const piece of place.open(path, bytesMax)) {
        signal.throwIfAborted()
        yield piece
      }
    },
  }
}
