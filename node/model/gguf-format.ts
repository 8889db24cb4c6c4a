/**
 * GGUF, the file format of llama.cpp: a header of typed metadata, a table of tensors, the tensors'
 * blocks.
 *
 *   "GGUF"  u32 version  u64 tensors  u64 entries
 *   entries: string key, u32 type, value        strings: u64 bytes, UTF-8
 *   table:   string name, u32 dimensions, u64 each (the innermost first), u32 type, u64 offset
 *   padding to the alignment, then each tensor, padded to the alignment again
 *
 * All numbers are little-endian. Source: ggml-org/ggml, docs/gguf.md, and ggml.h for the types.
 */

/** "GGUF" as a little-endian u32. */
export const GGUF_MAGIC = 0x46554747
export const GGUF_VERSION = 3
/** Metadata may name another alignment under this key. */
export const ALIGNMENT_KEY = 'general.alignment'
export const ALIGNMENT_DEFAULT = 32
/** What llama.cpp takes of a tensor's name, in bytes; its own buffer also holds a zero. */
export const GGUF_NAME_BYTES_MAX = 63
export const GGUF_DIMENSIONS_MAX = 4

/** Codes of the types of metadata. */
export const VALUE_TYPES = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const

/** Types of tensors: the scalars of a block and its bytes. A row is whole blocks. */
export const TENSOR_TYPES = {
  F32: { code: 0, blockScalars: 1, blockBytes: 4 },
  F16: { code: 1, blockScalars: 1, blockBytes: 2 },
  Q4_0: { code: 2, blockScalars: 32, blockBytes: 18 },
  Q4_1: { code: 3, blockScalars: 32, blockBytes: 20 },
  Q5_0: { code: 6, blockScalars: 32, blockBytes: 22 },
  Q5_1: { code: 7, blockScalars: 32, blockBytes: 24 },
  Q8_0: { code: 8, blockScalars: 32, blockBytes: 34 },
  Q4_K: { code: 12, blockScalars: 256, blockBytes: 144 },
  Q5_K: { code: 13, blockScalars: 256, blockBytes: 176 },
  Q6_K: { code: 14, blockScalars: 256, blockBytes: 210 },
  BF16: { code: 30, blockScalars: 1, blockBytes: 2 },
} as const

export type TensorType = keyof typeof TENSOR_TYPES

/** Types that we do not read, so that a refusal can name them. */
export const UNREAD_TYPES: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
}

/** Bytes of a tensor of `shape`, outermost dimension first; null unless its rows are blocks. */
export function tensorBytes(type: TensorType, shape: readonly number[]): number | null {
  const { blockScalars, blockBytes } = TENSOR_TYPES[type]
  if ((shape.at(-1) ?? 1) % blockScalars !== 0) return null
  return (shape.reduce((product, size) => product * size, 1) / blockScalars) * blockBytes
}

type NumberType = 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'f64'

export type GgufScalar =
  | { type: NumberType; value: number }
  | { type: 'u64' | 'i64'; value: bigint }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string }

/** Each member of an array as a scalar of its type would be. */
export type GgufArray = {
  type: 'array'
  of: GgufScalar['type']
  values: readonly GgufScalar['value'][]
}

export type GgufValue = GgufScalar | GgufArray

/** The metadata, in the order of the file. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>
