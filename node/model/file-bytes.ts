/** The bytes of a file, wherever they are: on disk, in memory, or in a blob of a browser. */
export interface FileBytes {
  bytes: number
  /** Those from `begin` to `end`, which lie within the file. */
  read(begin: number, end: number): Uint8Array
}
