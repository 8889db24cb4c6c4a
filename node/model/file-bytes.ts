/** The bytes of a file, wherever they are: on disk, in memory, or in a blob of a browser. */
export interface FileBytes {
  bytes: number
  /** Those from `begin` to `end`, which lie within the file. */
  read(begin: number, end: number): Uint8Array
  /** Fills `into` with those from `begin` on; left out where it would spare no copy. */
  readInto?(into: Uint8Array, begin: number): void
}

/** What is copied at a time. */
const PIECE_BYTES = 8 * 1024 * 1024

export function readInto(file: FileBytes, into: Uint8Array, begin: number): void {
  if (file.readInto !== undefined) return file.readInto(into, begin)
  for (let at = 0; at < into.length; at += PIECE_BYTES) {
    const end = Math.min(into.length, at + PIECE_BYTES)
    into.set(file.read(begin + at, begin + end), at)
  }
}
