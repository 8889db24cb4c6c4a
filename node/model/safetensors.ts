/**
 * safetensors, the file format of weights: u64 length of the header, the header as JSON, the
 * scalars.
 *
 *   { "name": { "dtype": "BF16", "shape": [2048, 192], "data_offsets": [begin, end] }, ... }
 *
 * Offsets count from the end of the header. The reader trusts nothing: every span is what dtype and
 * shape say, and the spans tile the data with no overlap and no hole, so that no byte has two
 * meanings or none.
 * Source: github.com/huggingface/safetensors, README, "Format".
 */

import type { WeightSource } from '../../kernels/index.ts'
import { assert } from '../../protocol/index.ts'
import {
  type Dtype,
  type FloatDtype,
  fromFloat32,
  isDtype,
  scalarBytes,
  toFloat32,
} from './dtypes.ts'
import { ModelError } from './errors.ts'
import type { FileBytes } from './file-bytes.ts'

export const HEADER_LENGTH_BYTES = 8
/** The specification's own cap. */
export const HEADER_BYTES_MAX = 100_000_000
export const TENSORS_MAX = 100_000
export const TENSOR_NAME_LENGTH_MAX = 512
export const DIMENSIONS_MAX = 8
/** Headers are padded with spaces so that the data starts at a multiple of this. */
const ALIGNMENT = 8

interface TensorEntry {
  dtype: Dtype
  shape: readonly number[]
  /** Bytes from the start of the data. */
  begin: number
  end: number
}

export interface SafetensorsHeader {
  tensors: ReadonlyMap<string, TensorEntry>
  metadata: ReadonlyMap<string, string>
  /** Where the data starts in the file. */
  dataStart: number
}

/** Tensors by name, widened to float32 each time they are asked for. */
export interface Safetensors extends WeightSource {
  header: SafetensorsHeader
}

/** @throws ModelError `malformed` unless `bytes` are a whole, well-formed file. */
export function parseSafetensors(bytes: Uint8Array): Safetensors {
  const read = (begin: number, end: number) => bytes.subarray(begin, end)
  const header = safetensorsHeader({ bytes: bytes.length, read })
  return { header, tensor: (name) => readTensor(header, name, read) }
}

/** @throws ModelError `malformed` unless it fits the file. */
export function safetensorsHeader({ bytes, read }: FileBytes): SafetensorsHeader {
  const length = headerLength(read(0, Math.min(HEADER_LENGTH_BYTES, bytes)), bytes)
  return parseHeader(read(HEADER_LENGTH_BYTES, HEADER_LENGTH_BYTES + length), bytes)
}

/** Bytes of the JSON header of a file of `fileBytes`, from the file's first eight bytes. */
export function headerLength(start: Uint8Array, fileBytes: number): number {
  if (start.length < HEADER_LENGTH_BYTES) {
    throw malformed(`a file has at least ${HEADER_LENGTH_BYTES} bytes, this one has ${fileBytes}`)
  }
  const view = new DataView(start.buffer, start.byteOffset, HEADER_LENGTH_BYTES)
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32
  const lengthMax = Math.min(HEADER_BYTES_MAX, fileBytes - HEADER_LENGTH_BYTES)
  if (length > lengthMax) {
    throw malformed(`the header's length must be at most ${lengthMax}: current value is ${length}`)
  }
  return length
}

/** The header of a file of `fileBytes`, from the bytes of its JSON. */
export function parseHeader(json: Uint8Array, fileBytes: number): SafetensorsHeader {
  const entries = Object.entries(parseJsonObject(json))
  if (entries.length > TENSORS_MAX) {
    throw malformed(`a file has at most ${TENSORS_MAX} tensors, this one has ${entries.length}`)
  }
  const dataStart = HEADER_LENGTH_BYTES + json.length
  const tensors = new Map<string, TensorEntry>()
  let metadata: ReadonlyMap<string, string> = new Map()
  for (const [name, value] of entries) {
    if (name === '__metadata__') metadata = parseMetadata(value)
    else tensors.set(name, parseEntry(name, value))
  }
  checkTiling(tensors, fileBytes - dataStart)
  return { tensors, metadata, dataStart }
}

/** Reads one tensor through `read`, which returns the file's bytes from `begin` to `end`. */
export function readTensor(
  header: SafetensorsHeader,
  name: string,
  read: Read,
): { shape: number[]; values: Float32Array } {
  const { dtype, shape, begin, end } = entryOf(header, name)
  const bytes = read(header.dataStart + begin, header.dataStart + end)
  return { shape: [...shape], values: toFloat32(dtype, bytes, `tensor '${name}'`) }
}

/** `count` rows of a matrix, likewise. */
export function readRows(
  header: SafetensorsHeader,
  name: string,
  [first, count]: readonly [first: number, count: number],
  read: Read,
): Float32Array {
  const { dtype, shape, begin, end } = entryOf(header, name)
  const rowBytes = (end - begin) / shape[0]!
  const from = header.dataStart + begin + first * rowBytes
  return toFloat32(dtype, read(from, from + count * rowBytes), `tensor '${name}'`)
}

type Read = FileBytes['read']

function entryOf(header: SafetensorsHeader, name: string): TensorEntry {
  const entry = header.tensors.get(name)
  if (entry !== undefined) return entry
  throw new ModelError('missing', `Cannot read tensor '${name}': the file has no such tensor`)
}

function parseJsonObject(json: Uint8Array): object {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json))
  } catch (error) {
    throw malformed(`the header is not JSON (${(error as Error).message})`)
  }
  if (!isObject(value)) throw malformed('the header is not a JSON object')
  return value
}

function parseMetadata(value: unknown): ReadonlyMap<string, string> {
  if (!isObject(value)) throw malformed("'__metadata__' is not an object")
  const entries = Object.entries(value)
  for (const [key, text] of entries) {
    if (typeof text !== 'string') throw malformed(`'${key}' of '__metadata__' is not a string`)
  }
  return new Map(entries as [string, string][])
}

function parseEntry(name: string, value: unknown): TensorEntry {
  if (name.length === 0 || name.length > TENSOR_NAME_LENGTH_MAX) {
    throw malformed(`a tensor's name has ${name.length} characters`)
  }
  if (!isObject(value)) throw malformed(`'${name}' is not an object`)
  const { dtype, shape, data_offsets: offsets } = value
  if (!isDtype(dtype)) {
    throw new ModelError(
      'unsupported',
      `Cannot read tensor '${name}': its dtype ${JSON.stringify(dtype)} is unknown`,
    )
  }
  if (!isSizes(shape) || shape.length > DIMENSIONS_MAX) {
    throw malformed(`'${name}' has no valid shape`)
  }
  if (!isSizes(offsets) || offsets.length !== 2) throw malformed(`'${name}' has no valid offsets`)
  const [begin, end] = offsets as [number, number]
  // A product above 2^53 is rounded, but then no file is as long.
  const bytes = shape.reduce((product, size) => product * size, scalarBytes(dtype))
  if (end - begin !== bytes) {
    throw malformed(`'${name}' spans ${end - begin} bytes, its dtype and shape make ${bytes}`)
  }
  return { dtype, shape, begin, end }
}

function checkTiling(tensors: ReadonlyMap<string, TensorEntry>, dataBytes: number): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let reached = 0
  for (const [name, { begin, end }] of inOrder) {
    if (begin !== reached) throw malformed(`'${name}' begins at ${begin} instead of ${reached}`)
    reached = end
  }
  if (reached !== dataBytes) {
    throw malformed(`its tensors span ${reached} bytes, its data ${dataBytes}`)
  }
}

export interface TensorToWrite {
  name: string
  shape: readonly number[]
  values: Float32Array
}

/** The same, made when its turn comes, in pieces of any size; asked for once. */
export interface TensorToCome {
  name: string
  dtype: FloatDtype
  shape: readonly number[]
  pieces: () => Iterable<Uint8Array>
}

/**
 * A file of float32 tensors, in the order given. transformers asks for the metadata `format: 'pt'`.
 */
export function encodeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const toCome = tensors.map(({ values, ...tensor }) => ({
    ...tensor,
    dtype: 'F32' as const,
    pieces: () => [fromFloat32('F32', values)],
  }))
  const pieces = [...safetensorsPieces(toCome, metadata)]
  const file = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let offset = 0
  for (const piece of pieces) {
    file.set(piece, offset)
    offset += piece.length
  }
  return file
}

/** The bytes of a file in order: its header, then each tensor. */
export function* safetensorsPieces(
  tensors: readonly TensorToCome[],
  metadata: Readonly<Record<string, string>>,
): Generator<Uint8Array> {
  yield encodeHeader(tensors, metadata)
  for (const { name, dtype, shape, pieces } of tensors) {
    const expected = shape.reduce((product, size) => product * size, scalarBytes(dtype))
    let bytes = 0
    for (const piece of pieces()) {
      bytes += piece.length
      yield piece
    }
    assert(bytes === expected, `'${name}' has ${bytes} bytes, not ${expected}`)
  }
}

/** Length and JSON of the header of a file that holds these tensors, one behind the other. */
export function encodeHeader(
  tensors: readonly { name: string; dtype: Dtype; shape: readonly number[] }[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const entries = new Map<string, unknown>([['__metadata__', metadata]])
  let end = 0
  for (const { name, dtype, shape } of tensors) {
    const begin = end
    end += shape.reduce((product, size) => product * size, scalarBytes(dtype))
    entries.set(name, { dtype, shape, data_offsets: [begin, end] })
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)))
  const length = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT
  const header = new Uint8Array(HEADER_LENGTH_BYTES + length).fill(0x20, HEADER_LENGTH_BYTES)
  new DataView(header.buffer).setUint32(0, length, true)
  header.set(json, HEADER_LENGTH_BYTES)
  return header
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0)
}

function malformed(reason: string): ModelError {
  return new ModelError('malformed', `Cannot read the safetensors file: ${reason}`)
}
