/**
 * Weights that are split over several safetensors files, seen as the one file that they would be:
 * a header of its own, then every tensor in the order of names. However a model was split, the
 * bytes are the same, and so is the digest that a run knows it by.
 * Source: transformers, modeling_utils.py (`model.safetensors.index.json`).
 */
import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { ModelError } from './errors.ts'
import { parseJson } from './json.ts'
import { openRangeFile, type RangeFile, withFile } from './range-file.ts'
import { encodeHeader, type SafetensorsHeader, safetensorsHeader } from './safetensors.ts'

export const INDEX_FILE = 'model.safetensors.index.json'
const SHARDS_MAX = 1000

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) })

interface Shard {
  file: RangeFile
  header: SafetensorsHeader
}

/** @throws ModelError that names the shard which is missing, or does not hold what it should */
export function openJoinedShards(indexPath: string): RangeFile {
  const map = weightMap(indexPath)
  const shards = new Map<string, Shard>()
  try {
    for (const name of new Set(map.values())) {
      shards.set(name, openShard(join(dirname(indexPath), name)))
    }
    return joined(indexPath, map, shards)
  } catch (error) {
    for (const { file } of shards.values()) file.close()
    throw error
  }
}

function weightMap(indexPath: string): ReadonlyMap<string, string> {
  const { weight_map: map } = parseJson(readFileSync(indexPath), INDEX_FILE, indexSchema)
  const files = new Set(Object.values(map))
  if (files.size > SHARDS_MAX) throw malformed(indexPath, `it names ${files.size} files`)
  for (const file of files) {
    if (file !== basename(file) || file === '' || file === '..') {
      throw malformed(indexPath, `'${file}' is no file beside it`)
    }
  }
  return new Map(Object.entries(map))
}

function openShard(path: string): Shard {
  return withFile(openRangeFile(path), path, (file) => ({ file, header: safetensorsHeader(file) }))
}

function joined(
  indexPath: string,
  map: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, Shard>,
): RangeFile {
  const names = [...map.keys()].sort()
  const held = [...shards.values()].reduce((sum, { header }) => sum + header.tensors.size, 0)
  if (held !== names.length) {
    throw malformed(indexPath, `it names ${names.length} tensors, its files hold ${held}`)
  }
  const parts = names.map((name) => {
    const { file, header } = shards.get(map.get(name)!)!
    const entry = header.tensors.get(name)
    if (entry === undefined) throw malformed(indexPath, `'${map.get(name)}' lacks '${name}'`)
    return { name, ...entry, file, from: header.dataStart + entry.begin }
  })
  const header = encodeHeader(parts, { format: 'pt' })
  const segments: Segment[] = [
    { begin: 0, end: header.length, read: (begin, end) => header.subarray(begin, end) },
  ]
  let reached = header.length
  for (const { begin, end, file, from } of parts) {
    const bytes = end - begin
    segments.push({
      begin: reached,
      end: reached + bytes,
      read: (first, last) => file.read(from + first, from + last),
    })
    reached += bytes
  }
  return {
    bytes: reached,
    read: (begin, end) => readSegments(segments, begin, end),
    close: () => {
      for (const { file } of shards.values()) file.close()
    },
  }
}

interface Segment {
  begin: number
  end: number
  /** Bytes counted from the segment's begin. */
  read(first: number, last: number): Uint8Array
}

function readSegments(segments: readonly Segment[], begin: number, end: number): Uint8Array {
  const bytes = new Uint8Array(end - begin)
  for (const segment of segments) {
    const [first, last] = [Math.max(begin, segment.begin), Math.min(end, segment.end)]
    if (first >= last) continue
    bytes.set(segment.read(first - segment.begin, last - segment.begin), first - begin)
  }
  return bytes
}

function malformed(indexPath: string, reason: string): ModelError {
  return new ModelError('malformed', `Cannot use ${indexPath}: ${reason}`)
}
