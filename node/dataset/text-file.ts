/** A file of text as it is to be read: unpacked, UTF-8, with one kind of line end, and bounded. */
import { readFile, stat } from 'node:fs/promises'
import * as zlib from 'node:zlib'
import { ConfigError, counted } from '../../protocol/index.ts'
import type { TellPiece } from '../bounded-work.ts'
import type { FoundFile } from './files.ts'
import type { Packing } from './formats.ts'

/** A file has no more, nor what is packed in it; a larger one is better given as several. */
export const SOURCE_FILE_BYTES_MAX = 256 * 1024 * 1024

/** @throws ConfigError that names the file, and what of it is wrong */
export async function readText(
  { name, path, packing }: FoundFile,
  tell: TellPiece,
): Promise<string> {
  const { size } = await stat(path)
  if (size > SOURCE_FILE_BYTES_MAX) throw tooLarge(name, size)
  tell(name, size)
  const bytes = await readFile(path)
  return textOf(bytes, packing, name, tell)
}

/**
 * The text that a file's bytes are.
 * @throws ConfigError that names the file, and what of it is wrong
 */
export function textOf(
  packed: Uint8Array,
  packing: Packing | null,
  name: string,
  tell: TellPiece,
): string {
  const bytes = unpack(packed, packing, name)
  // What comes next is to take it apart.
  tell(name, bytes.length)
  try {
    // One kind of line end, so that a checkout on Windows makes the same dataset.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (!text.includes('\0')) return text.replaceAll('\r\n', '\n')
  } catch {
    // Told below.
  }
  throw new ConfigError(`Cannot read ${name} as it must be UTF-8 text`)
}

function unpack(bytes: Uint8Array, packing: Packing | null, name: string): Uint8Array {
  if (packing === null) return bytes
  const options = { maxOutputLength: SOURCE_FILE_BYTES_MAX, info: true }
  const unpackBytes = packing === '.gz' ? zlib.gunzipSync : zstdOf(name)
  try {
    // As `info` makes it.
    const { buffer, engine } = unpackBytes(bytes, options) as unknown as Unpacked
    const rest = bytes.subarray(engine.bytesWritten)
    if (rest.every((byte) => byte === 0)) return buffer
    throw new Error(`after what is packed come ${counted(rest.length, 'byte')} of something else`)
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(name, null)
    throw new ConfigError(`Cannot unpack ${name}: ${(error as Error).message}`)
  }
}

/** Node 22 has it since 22.15. */
function zstdOf(name: string): typeof zlib.zstdDecompressSync {
  const { zstdDecompressSync } = zlib as Partial<typeof zlib>
  if (zstdDecompressSync !== undefined) return zstdDecompressSync
  throw new ConfigError(
    `Cannot unpack ${name} as that needs Node 22.15 or newer: current value is ` +
      `${process.version}. Unpack it yourself, or update Node`,
  )
}

/** Zeros may follow, as tapes are filled up with them. */
interface Unpacked {
  buffer: Uint8Array
  /** `bytesWritten`: how much of the packed text was read. */
  engine: { bytesWritten: number }
}

export function tooLarge(name: string, size: number | null): ConfigError {
  return new ConfigError(
    `Cannot read ${name} as it must have at most ${SOURCE_FILE_BYTES_MAX} bytes: ` +
      `current value is ${size ?? 'more'}. Split it`,
  )
}
