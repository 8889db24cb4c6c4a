/**
 * Writes GGUF: the header is made at once, since it says where each tensor will lie; the tensors
 * are then asked for one after the other, so that a file of gigabytes costs the memory of one piece
 * of one tensor. gguf-format.ts has the layout.
 */
import { assert } from '../../protocol/index.ts'
import {
  ALIGNMENT_DEFAULT,
  ALIGNMENT_KEY,
  GGUF_DIMENSIONS_MAX,
  GGUF_MAGIC,
  GGUF_NAME_BYTES_MAX,
  GGUF_VERSION,
  type GgufMetadata,
  type GgufScalar,
  type GgufValue,
  TENSOR_TYPES,
  type TensorType,
  tensorBytes,
  VALUE_TYPES,
} from './gguf-format.ts'
import { type WrittenFile, writeInPieces } from './write-file.ts'

export interface GgufTensor {
  name: string
  /** Outermost dimension first, as in safetensors; the file has them the other way round. */
  shape: readonly number[]
  type: TensorType
  /** The tensor's blocks from first to last, in pieces of any size; asked for once. */
  pieces: () => Iterable<Uint8Array>
}

export interface GgufFile {
  metadata: GgufMetadata
  tensors: readonly GgufTensor[]
}

export function writeGguf(
  path: string,
  file: GgufFile,
  signal?: AbortSignal,
): Promise<WrittenFile> {
  return writeInPieces(path, ggufPieces(file), signal)
}

/** The bytes of the file in order. */
export function* ggufPieces({ metadata, tensors }: GgufFile): Generator<Uint8Array> {
  const alignment = alignmentOf(metadata)
  const header = encodeHeader(metadata, tensors, alignment)
  yield header
  yield padding(header.length, alignment)
  for (const tensor of tensors) {
    const expected = bytesOf(tensor)
    let bytes = 0
    for (const piece of tensor.pieces()) {
      bytes += piece.length
      yield piece
    }
    assert(bytes === expected, `'${tensor.name}' has ${bytes} bytes instead of ${expected}`)
    yield padding(bytes, alignment)
  }
}

function encodeHeader(
  metadata: GgufMetadata,
  tensors: readonly GgufTensor[],
  alignment: number,
): Uint8Array {
  const out = createOutput()
  out.u32(GGUF_MAGIC)
  out.u32(GGUF_VERSION)
  out.u64(tensors.length)
  out.u64(metadata.size)
  for (const [key, value] of metadata) {
    out.string(key)
    out.u32(VALUE_TYPES[value.type])
    writeValue(out, value)
  }
  let offset = 0
  for (const tensor of tensors) {
    checkName(tensor)
    out.string(tensor.name)
    out.u32(tensor.shape.length)
    for (const size of tensor.shape.toReversed()) out.u64(size)
    out.u32(TENSOR_TYPES[tensor.type].code)
    out.u64(offset)
    offset += aligned(bytesOf(tensor), alignment)
  }
  return out.bytes()
}

function writeValue(out: Output, value: GgufValue): void {
  if (value.type !== 'array') return writeScalar(out, value)
  out.u32(VALUE_TYPES[value.of])
  out.u64(value.values.length)
  for (const member of value.values) {
    writeScalar(out, { type: value.of, value: member } as GgufScalar)
  }
}

function writeScalar(out: Output, scalar: GgufScalar): void {
  switch (scalar.type) {
    case 'string':
      return out.string(scalar.value)
    case 'bool':
      return out.scalar(1, (view, at) => view.setUint8(at, scalar.value ? 1 : 0))
    case 'u8':
      return out.scalar(1, (view, at) => view.setUint8(at, scalar.value))
    case 'i8':
      return out.scalar(1, (view, at) => view.setInt8(at, scalar.value))
    case 'u16':
      return out.scalar(2, (view, at) => view.setUint16(at, scalar.value, true))
    case 'i16':
      return out.scalar(2, (view, at) => view.setInt16(at, scalar.value, true))
    case 'u32':
      return out.u32(scalar.value)
    case 'i32':
      return out.scalar(4, (view, at) => view.setInt32(at, scalar.value, true))
    case 'f32':
      return out.scalar(4, (view, at) => view.setFloat32(at, scalar.value, true))
    case 'f64':
      return out.scalar(8, (view, at) => view.setFloat64(at, scalar.value, true))
    case 'u64':
      return out.scalar(8, (view, at) => view.setBigUint64(at, scalar.value, true))
    case 'i64':
      return out.scalar(8, (view, at) => view.setBigInt64(at, scalar.value, true))
  }
}

function alignmentOf(metadata: GgufMetadata): number {
  const value = metadata.get(ALIGNMENT_KEY)
  if (value === undefined) return ALIGNMENT_DEFAULT
  const sound = value.type === 'u32' && value.value >= 8 && value.value % 8 === 0
  assert(sound, `'${ALIGNMENT_KEY}' is no u32 that is a multiple of 8`)
  return value.value
}

function checkName({ name, shape }: GgufTensor): void {
  const bytes = Buffer.byteLength(name)
  assert(bytes > 0 && bytes <= GGUF_NAME_BYTES_MAX, `the name '${name}' has ${bytes} bytes`)
  const fits = shape.length > 0 && shape.length <= GGUF_DIMENSIONS_MAX
  assert(fits, `'${name}' has ${shape.length} dimensions`)
}

function bytesOf({ name, shape, type }: GgufTensor): number {
  const bytes = tensorBytes(type, shape)
  assert(bytes !== null, `'${name}' (${shape.join()}) does not fill blocks of ${type}`)
  return bytes
}

const aligned = (bytes: number, alignment: number) => Math.ceil(bytes / alignment) * alignment

const padding = (bytes: number, alignment: number) =>
  new Uint8Array(aligned(bytes, alignment) - bytes)

type Output = ReturnType<typeof createOutput>

/** Bytes that grow as they are written: the size of a header is known only when it is done. */
function createOutput() {
  let buffer = new Uint8Array(1 << 16)
  let view = new DataView(buffer.buffer)
  let length = 0
  const reserve = (bytes: number): number => {
    if (length + bytes > buffer.length) {
      const larger = new Uint8Array(Math.max(2 * buffer.length, length + bytes))
      larger.set(buffer)
      buffer = larger
      view = new DataView(buffer.buffer)
    }
    length += bytes
    return length - bytes
  }
  const scalar = (bytes: number, set: (view: DataView, at: number) => void): void => {
    const at = reserve(bytes)
    set(view, at)
  }
  const u64 = (value: number) => scalar(8, (out, at) => out.setBigUint64(at, BigInt(value), true))
  return {
    scalar,
    u64,
    u32: (value: number) => scalar(4, (out, at) => out.setUint32(at, value, true)),
    string: (text: string) => {
      const bytes = new TextEncoder().encode(text)
      u64(bytes.length)
      // First the room, since it may be in another buffer.
      const at = reserve(bytes.length)
      buffer.set(bytes, at)
    },
    bytes: () => buffer.subarray(0, length),
  }
}
