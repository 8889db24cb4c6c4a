/**
 * The blocks of a GGUF tensor as float32, with every product and sum rounded at once, as llama.cpp
 * does. Where two numbers share a byte, the low half is the one that comes first.
 * Source: ggml, ggml-quants.c, `dequantize_row_*`; ggml-common.h has the blocks.
 */
import { toFloat32 } from './dtypes.ts'
import { ModelError } from './errors.ts'
import { TENSOR_TYPES, type TensorType } from './gguf-format.ts'

const f = Math.fround

/** One block at `at` to the scalars from `to` on. */
type Block = (bytes: DataView, at: number, values: Float32Array, to: number) => void

const BLOCKS: Partial<Record<TensorType, Block>> = {
  Q8_0: (bytes, at, values, to) => {
    const d = float16(bytes, at)
    for (let i = 0; i < 32; i++) values[to + i] = d * bytes.getInt8(at + 2 + i)
  },
  Q4_0: (bytes, at, values, to) => {
    const d = float16(bytes, at)
    for (let i = 0; i < 16; i++) {
      const pair = bytes.getUint8(at + 2 + i)
      values[to + i] = d * ((pair & 15) - 8)
      values[to + 16 + i] = d * ((pair >> 4) - 8)
    }
  },
  Q4_1: (bytes, at, values, to) => {
    const [d, m] = [float16(bytes, at), float16(bytes, at + 2)]
    for (let i = 0; i < 16; i++) {
      const pair = bytes.getUint8(at + 4 + i)
      values[to + i] = f(d * (pair & 15)) + m
      values[to + 16 + i] = f(d * (pair >> 4)) + m
    }
  },
  Q4_K: (bytes, at, values, to) => {
    for (let part = 0; part < 8; part++) {
      const { scale, least } = scaleOfPart(bytes, at, part)
      const codes = at + 16 + 32 * (part >> 1)
      for (let i = 0; i < 32; i++) {
        const code = nibble(bytes.getUint8(codes + i), part & 1)
        values[to + 32 * part + i] = f(scale * code) - least
      }
    }
  },
  Q5_K: (bytes, at, values, to) => {
    for (let part = 0; part < 8; part++) {
      const { scale, least } = scaleOfPart(bytes, at, part)
      const codes = at + 48 + 32 * (part >> 1)
      for (let i = 0; i < 32; i++) {
        const fifth = (bytes.getUint8(at + 16 + i) >> part) & 1
        const code = nibble(bytes.getUint8(codes + i), part & 1) + 16 * fifth
        values[to + 32 * part + i] = f(scale * code) - least
      }
    }
  },
  Q6_K: (bytes, at, values, to) => {
    const d = float16(bytes, at + 208)
    for (let i = 0; i < 256; i++) {
      const [half, quarter, place] = [i >> 7, (i >> 5) & 3, i & 31]
      const low = bytes.getUint8(at + 64 * half + 32 * (quarter & 1) + place)
      const high = (bytes.getUint8(at + 128 + 32 * half + place) >> (2 * quarter)) & 3
      const code = (nibble(low, quarter >> 1) | (high << 4)) - 32
      values[to + i] = f(d * bytes.getInt8(at + 192 + (i >> 4))) * code
    }
  },
}

/**
 * The scalars of whole blocks.
 * @throws ModelError `unsupported` for a type that is known but not read
 */
export function dequantise(type: TensorType, bytes: Uint8Array, title: string): Float32Array {
  if (type === 'F32' || type === 'F16' || type === 'BF16') return toFloat32(type, bytes, title)
  const block = BLOCKS[type]
  if (block === undefined) {
    const known = ['F32', 'F16', 'BF16', ...Object.keys(BLOCKS)].join(', ')
    throw new ModelError(
      'unsupported',
      `Cannot read ${title} as its type must be ${known}: current value is ${type}`,
    )
  }
  const { blockBytes, blockScalars } = TENSOR_TYPES[type]
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const count = bytes.length / blockBytes
  const values = new Float32Array(count * blockScalars)
  for (let i = 0; i < count; i++) block(view, i * blockBytes, values, i * blockScalars)
  return values
}

const nibble = (byte: number, isHigh: number): number => (isHigh === 0 ? byte & 15 : byte >> 4)

/**
 * K-blocks with a least value have two float16 factors, then six bits for the scale and six for the
 * least value of each of eight parts; those of the last four parts are in two places.
 */
function scaleOfPart(bytes: DataView, at: number, part: number): { scale: number; least: number } {
  const byte = (i: number) => bytes.getUint8(at + 4 + i)
  const [scale, least] =
    part < 4
      ? [byte(part) & 63, byte(part + 4) & 63]
      : [
          (byte(part + 4) & 15) | ((byte(part - 4) >> 6) << 4),
          (byte(part + 4) >> 4) | ((byte(part) >> 6) << 4),
        ]
  return { scale: f(float16(bytes, at) * scale), least: f(float16(bytes, at + 2) * least) }
}

/** Every float16, by its bits. */
const HALVES = toFloat32(
  'F16',
  new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer),
  'all',
)

function float16(bytes: DataView, at: number): number {
  return HALVES[bytes.getUint16(at, true)]!
}
