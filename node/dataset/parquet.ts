/** The rows of a parquet file, a group of them at a time in memory. */
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { ConfigError } from '../../protocol/index.ts'
import type { TellPiece } from '../bounded-work.ts'
import { isFields } from './fields.ts'
import type { FoundFile } from './files.ts'
import type { Row } from './row.ts'

/** A group of rows, packed or unpacked, has no more: it is in memory as a whole. */
const GROUP_BYTES_MAX = 2 ** 30

/** @throws ConfigError that names the file when it is none, or its groups are too large */
export async function* parquetRows(
  { name, path, packing }: FoundFile,
  tell: TellPiece,
): AsyncGenerator<Row> {
  if (packing !== null) throw new ConfigError(`Cannot read ${name} as parquet packs itself`)
  try {
    const file = await asyncBufferFromFile(path)
    tell(name, 0)
    const metadata = await parquetMetadataAsync(file)
    let first = 0
    for (const group of metadata.row_groups) {
      const rowEnd = first + Number(group.num_rows)
      const packed = group.columns.reduce(
        (sum, { meta_data: column }) => sum + Number(column?.total_compressed_size ?? 0),
        0,
      )
      checkSize(packed)
      // What the file says of its sizes is believed only as far as it has bytes.
      tell(`${name}[${first}]`, Math.min(packed, file.byteLength))
      const options = { file, metadata, compressors: boundedCompressors(), rowStart: first, rowEnd }
      const rows = await parquetReadObjects(options)
      for (const [index, value] of rows.entries())
        yield { name: `${name}[${first + index}]`, value: withoutFilling(value) }
      first = rowEnd
    }
  } catch (error) {
    throw new ConfigError(`Cannot read ${name} as parquet: ${(error as Error).message}`)
  }
}

/**
 * Tables fill in null for what a part of a row does not have, and others do: to a template that
 * asks whether a message has tool_calls, or a tool a default, that would be another answer.
 * Source: axolotl and TRL, remove_none_values.
 */
function withoutFilling(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutFilling)
  if (!isFields(value) || value instanceof Date || ArrayBuffer.isView(value)) return value
  const entries = Object.entries(value).filter(([, part]) => part !== null && part !== undefined)
  return Object.fromEntries(entries.map(([key, part]) => [key, withoutFilling(part)]))
}

function checkSize(bytes: number): void {
  if (bytes <= GROUP_BYTES_MAX) return
  throw new RangeError(
    `its groups of rows must have at most ${GROUP_BYTES_MAX} bytes: write it with smaller ones`,
  )
}

/** What pages unpack to, all those of a group together. */
function boundedCompressors(): typeof compressors {
  let unpacked = 0
  const bounded = Object.entries(compressors).map(([codec, unpack]) => [
    codec,
    (input: Uint8Array, length: number) => {
      unpacked += length
      checkSize(unpacked)
      return unpack(input, length)
    },
  ])
  return Object.fromEntries(bounded)
}
