/**
 * The numbers of blocks, with every product and difference rounded at once. Where two codes share a
 * byte, the low half is the one that comes first.
 * Source: ggml, ggml-quants.c, `dequantize_row_*`; ggml-common.h has the blocks.
 */
import { BLOCKS, INTEGERS } from '../blocks.ts'
import type { BlockKind } from '../ops.ts'
import { float16 } from './compress.ts'

const f = Math.fround

/** One block at `at` to the numbers from `to` on. */
type Widen = (bytes: DataView, at: number, values: Float32Array, to: number) => void

const WIDEN: Readonly<Record<BlockKind, Widen>> = {
  Q4_0: (bytes, at, values, to) => {
    const d = halfAt(bytes, at)
    for (let i = 0; i < 32; i++) values[to + i] = d * (nibbleAt(bytes, at + 2, i) - 8)
  },
  Q4_1: (bytes, at, values, to) => {
    const [d, m] = [halfAt(bytes, at), halfAt(bytes, at + 2)]
    for (let i = 0; i < 32; i++) values[to + i] = f(d * nibbleAt(bytes, at + 4, i)) + m
  },
  Q5_0: (bytes, at, values, to) => {
    const d = halfAt(bytes, at)
    for (let i = 0; i < 32; i++) {
      const code = nibbleAt(bytes, at + 6, i) + 16 * bitAt(bytes, at + 2, i)
      values[to + i] = d * (code - 16)
    }
  },
  Q5_1: (bytes, at, values, to) => {
    const [d, m] = [halfAt(bytes, at), halfAt(bytes, at + 2)]
    for (let i = 0; i < 32; i++) {
      const code = nibbleAt(bytes, at + 8, i) + 16 * bitAt(bytes, at + 4, i)
      values[to + i] = f(d * code) + m
    }
  },
  Q8_0: (bytes, at, values, to) => {
    const d = halfAt(bytes, at)
    for (let i = 0; i < 32; i++) values[to + i] = d * bytes.getInt8(at + 2 + i)
  },
  Q4_K: (bytes, at, values, to) => {
    for (let part = 0; part < 8; part++) {
      const { scale, least } = scaleOfPart(bytes, at, part)
      const codes = at + 16 + 32 * (part >> 1)
      for (let i = 0; i < 32; i++) {
        const code = half(bytes.getUint8(codes + i), part & 1)
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
        const code = half(bytes.getUint8(codes + i), part & 1) + 16 * fifth
        values[to + 32 * part + i] = f(scale * code) - least
      }
    }
  },
  Q6_K: (bytes, at, values, to) => {
    const d = halfAt(bytes, at + 208)
    for (let i = 0; i < 256; i++) {
      const [part, quarter, place] = [i >> 7, (i >> 5) & 3, i & 31]
      const low = bytes.getUint8(at + 64 * part + 32 * (quarter & 1) + place)
      const high = (bytes.getUint8(at + 128 + 32 * part + place) >> (2 * quarter)) & 3
      const code = (half(low, quarter >> 1) | (high << 4)) - 32
      values[to + i] = f(d * bytes.getInt8(at + 192 + (i >> 4))) * code
    }
  },
}

/** The numbers of whole blocks. */
export function widenBlocks(kind: BlockKind, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const { scalars, bytes: blockBytes } = BLOCKS[kind]
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const count = bytes.length / blockBytes
  const values = new Float32Array(count * scalars)
  for (let i = 0; i < count; i++) WIDEN[kind](view, i * blockBytes, values, i * scalars)
  return values
}

/** A block in integers: a number of it is factor · code - the least value of its part. */
interface BlockCodes {
  factor: number
  codes: number[]
  /** One for 32 numbers; empty where the kind has none. */
  leasts: number[]
}

/** The bits of 1 in float16. */
const ONE = 0x3c00

/**
 * Codes are what a block of factor 1 and no least value would mean, less the middle of what they
 * can be, times the code of their part's scale where there are parts.
 */
export function codesOfBlock(kind: BlockKind, bytes: DataView, at: number): BlockCodes {
  const { scalars, bytes: size } = BLOCKS[kind]
  const { middle } = INTEGERS[kind]
  const factorAt = kind === 'Q6_K' ? 208 : 0
  const factor = halfAt(bytes, at + factorAt)
  const unit = Uint8Array.from({ length: size }, (_, i) => bytes.getUint8(at + i))
  const view = new DataView(unit.buffer)
  view.setUint16(factorAt, ONE, true)
  if (middle > 0) view.setUint16(2, 0, true)
  const codes = new Float32Array(scalars)
  WIDEN[kind](view, 0, codes, 0)
  if (middle === 0) return { factor, codes: [...codes], leasts: [] }
  const part = (i: number) =>
    scalars === 256
      ? { code: scaleOfPart(view, 0, i).scale, ...scaleOfPart(bytes, at, i) }
      : { code: 1, scale: factor, least: -halfAt(bytes, at + 2) }
  const parts = Array.from({ length: scalars / 32 }, (_, i) => part(i))
  return {
    factor,
    codes: Array.from(codes, (code, i) => code - middle * parts[i >> 5]!.code),
    leasts: parts.map(({ scale, least }) => f(least - f(scale * middle))),
  }
}

const half = (byte: number, isHigh: number): number => (isHigh === 0 ? byte & 15 : byte >> 4)

/** Code i of 32 in sixteen bytes: the low halves come first. */
function nibbleAt(bytes: DataView, at: number, i: number): number {
  return half(bytes.getUint8(at + (i & 15)), i >> 4)
}

/** Bit i of 32. */
function bitAt(bytes: DataView, at: number, i: number): number {
  return (bytes.getUint32(at, true) >>> i) & 1
}

/**
 * The larger blocks with a least value have two float16 factors, then six bits for the scale and
 * six for the least value of each of eight parts; those of the last four parts are in two places.
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
  return { scale: f(halfAt(bytes, at) * scale), least: f(halfAt(bytes, at + 2) * least) }
}

function halfAt(bytes: DataView, at: number): number {
  return float16(bytes.getUint16(at, true))
}
