/**
 * Reads GGUF: metadata and the table of tensors, by range, so that a file of gigabytes costs what
 * its header does. Nothing is trusted: each count, length and offset is bounded before it is
 * followed. gguf-format.ts has the layout.
 */
import { ModelError } from './errors.ts'
import type { FileBytes } from './file-bytes.ts'
import {
  ALIGNMENT_DEFAULT,
  ALIGNMENT_KEY,
  GGUF_DIMENSIONS_MAX,
  GGUF_MAGIC,
  type GgufMetadata,
  type GgufScalar,
  type GgufValue,
  TENSOR_TYPES,
  type TensorType,
  tensorBytes,
  UNREAD_TYPES,
  VALUE_TYPES,
} from './gguf-format.ts'

export const GGUF_ENTRIES_MAX = 10_000
export const GGUF_TENSORS_MAX = 100_000
/** A vocabulary of 256 k has twice as many merges. */
export const GGUF_ARRAY_LENGTH_MAX = 4_000_000
/** A chat template is the longest text. */
export const GGUF_STRING_BYTES_MAX = 4 * 1024 * 1024
export const GGUF_HEADER_BYTES_MAX = 256 * 1024 * 1024
/** Version 2 differs from 3 by what we do not read: big-endian files. */
const VERSIONS = [2, 3]
/** What a header is read by. */
const WINDOW_BYTES = 1024 * 1024

export interface GgufEntry {
  type: TensorType
  /** Outermost dimension first, as in safetensors. */
  shape: readonly number[]
  /** Bytes from the start of the file. */
  begin: number
  end: number
}

export interface GgufHeader {
  metadata: GgufMetadata
  tensors: ReadonlyMap<string, GgufEntry>
}

export function isGguf(start: Uint8Array): boolean {
  return (
    start.length >= 4 &&
    new DataView(start.buffer, start.byteOffset).getUint32(0, true) === GGUF_MAGIC
  )
}

/** Whether it is a whole model, as llama.cpp opens it, and not weights alone. */
export const isWholeModel = ({ metadata }: Pick<GgufHeader, 'metadata'>): boolean =>
  metadata.has('tokenizer.ggml.model')

/** @throws ModelError `malformed`, or `unsupported` for what another version or type holds */
export function parseGguf(file: FileBytes): GgufHeader {
  const cursor = createCursor(file)
  if (cursor.u32() !== GGUF_MAGIC) throw malformed('it does not begin with "GGUF"')
  const version = cursor.u32()
  if (!VERSIONS.includes(version)) {
    throw unsupported(`its version must be ${VERSIONS.join(' or ')}: current value is ${version}`)
  }
  const tensorCount = cursor.count('tensors', GGUF_TENSORS_MAX)
  const entryCount = cursor.count('entries', GGUF_ENTRIES_MAX)
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < entryCount; i++) {
    const key = cursor.string()
    if (metadata.has(key)) throw malformed(`its entry '${key}' is there twice`)
    metadata.set(key, readValue(cursor, key))
  }
  const table = Array.from({ length: tensorCount }, () => readTableRow(cursor))
  const alignment = alignmentOf(metadata)
  const dataStart = Math.ceil(cursor.position() / alignment) * alignment
  const tensors = new Map<string, GgufEntry>()
  for (const { name, type, shape, offset } of table) {
    if (tensors.has(name)) throw malformed(`its tensor '${name}' is there twice`)
    const bytes = tensorBytes(type, shape)
    if (bytes === null) throw malformed(`rows of '${name}' (${shape.join()}) are no ${type} blocks`)
    if (offset % alignment !== 0) throw malformed(`'${name}' is not aligned to ${alignment} bytes`)
    const begin = dataStart + offset
    if (!(begin + bytes <= file.bytes)) throw malformed(`'${name}' ends beyond the file`)
    tensors.set(name, { type, shape, begin, end: begin + bytes })
  }
  checkOverlaps(tensors)
  return { metadata, tensors }
}

type Cursor = ReturnType<typeof createCursor>

function createCursor({ bytes: fileBytes, read }: FileBytes) {
  let position = 0
  let window: { begin: number; bytes: Uint8Array } = { begin: 0, bytes: new Uint8Array(0) }
  /** A view of the next `length` bytes, which are then behind us. */
  function take(length: number): DataView {
    const end = position + length
    if (end > Math.min(fileBytes, GGUF_HEADER_BYTES_MAX)) throw malformed('its header is cut off')
    if (position < window.begin || end > window.begin + window.bytes.length) {
      const until = Math.min(fileBytes, Math.max(end, position + WINDOW_BYTES))
      window = { begin: position, bytes: read(position, until) }
    }
    const { buffer, byteOffset } = window.bytes
    const view = new DataView(buffer, byteOffset + position - window.begin, length)
    position = end
    return view
  }
  const u64 = () => take(8).getBigUint64(0, true)
  const cursor = {
    take,
    position: () => position,
    u32: () => take(4).getUint32(0, true),
    u64,
    /** How many of something follow. */
    count(what: string, most: number): number {
      const count = u64()
      if (count > BigInt(most)) throw malformed(`it has ${count} ${what}, more than ${most}`)
      return Number(count)
    },
    string(): string {
      const view = take(cursor.count('bytes in a text', GGUF_STRING_BYTES_MAX))
      return new TextDecoder().decode(view)
    },
  }
  return cursor
}

const TYPE_NAMES = new Map(
  Object.entries(VALUE_TYPES).map(([name, code]) => [code as number, name]),
)

function readValue(cursor: Cursor, key: string): GgufValue {
  const type = valueType(cursor, key)
  if (type !== 'array') return readScalar(cursor, type, key)
  const of = valueType(cursor, key)
  if (of === 'array') throw malformed(`its entry '${key}' holds arrays in an array`)
  const length = cursor.count(`members in '${key}'`, GGUF_ARRAY_LENGTH_MAX)
  const values: GgufScalar['value'][] = []
  for (let i = 0; i < length; i++) values.push(readScalar(cursor, of, key).value)
  return { type, of, values }
}

function valueType(cursor: Cursor, key: string): keyof typeof VALUE_TYPES {
  const code = cursor.u32()
  const name = TYPE_NAMES.get(code)
  if (name === undefined) throw malformed(`its entry '${key}' is of type ${code}, which is none`)
  return name as keyof typeof VALUE_TYPES
}

function readScalar(cursor: Cursor, type: GgufScalar['type'], key: string): GgufScalar {
  switch (type) {
    case 'string':
      return { type, value: cursor.string() }
    case 'bool': {
      const byte = cursor.take(1).getUint8(0)
      if (byte > 1) throw malformed(`its entry '${key}' is ${byte} for true or false`)
      return { type, value: byte === 1 }
    }
    case 'u8':
      return { type, value: cursor.take(1).getUint8(0) }
    case 'i8':
      return { type, value: cursor.take(1).getInt8(0) }
    case 'u16':
      return { type, value: cursor.take(2).getUint16(0, true) }
    case 'i16':
      return { type, value: cursor.take(2).getInt16(0, true) }
    case 'u32':
      return { type, value: cursor.u32() }
    case 'i32':
      return { type, value: cursor.take(4).getInt32(0, true) }
    case 'f32':
      return { type, value: cursor.take(4).getFloat32(0, true) }
    case 'f64':
      return { type, value: cursor.take(8).getFloat64(0, true) }
    case 'u64':
      return { type, value: cursor.u64() }
    case 'i64':
      return { type, value: cursor.take(8).getBigInt64(0, true) }
  }
}

interface TableRow {
  name: string
  type: TensorType
  shape: number[]
  offset: number
}

const TENSOR_TYPE_NAMES = new Map(
  Object.entries(TENSOR_TYPES).map(([name, { code }]) => [code as number, name as TensorType]),
)

function readTableRow(cursor: Cursor): TableRow {
  const name = cursor.string()
  const dimensions = cursor.u32()
  if (dimensions === 0 || dimensions > GGUF_DIMENSIONS_MAX) {
    throw malformed(`its tensor '${name}' has ${dimensions} dimensions`)
  }
  const shape: number[] = []
  for (let i = 0; i < dimensions; i++) {
    shape.unshift(cursor.count(`numbers along '${name}'`, Number.MAX_SAFE_INTEGER))
  }
  const code = cursor.u32()
  const type = TENSOR_TYPE_NAMES.get(code)
  if (type === undefined) {
    const known = Object.keys(TENSOR_TYPES).join(', ')
    const named = UNREAD_TYPES[code] ?? `type ${code}`
    throw unsupported(`tensor '${name}' must be of type ${known}: current value is ${named}`)
  }
  return { name, type, shape, offset: cursor.count('bytes', Number.MAX_SAFE_INTEGER) }
}

function alignmentOf(metadata: GgufMetadata): number {
  const value = metadata.get(ALIGNMENT_KEY)
  if (value === undefined) return ALIGNMENT_DEFAULT
  if (value.type === 'u32' && value.value >= 8 && value.value % 8 === 0) return value.value
  throw malformed(`its '${ALIGNMENT_KEY}' is no multiple of 8`)
}

function checkOverlaps(tensors: ReadonlyMap<string, GgufEntry>): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let reached = 0
  for (const [name, { begin, end }] of inOrder) {
    if (begin < reached) throw malformed(`'${name}' overlaps another tensor`)
    reached = end
  }
}

function malformed(reason: string): ModelError {
  return new ModelError('malformed', `Cannot read the GGUF file: ${reason}`)
}

function unsupported(reason: string): ModelError {
  return new ModelError('unsupported', `Cannot read the GGUF file as ${reason}`)
}
