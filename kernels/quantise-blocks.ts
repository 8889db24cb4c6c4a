/**
 * float32 as the blocks of blocks.ts, which reference/blocks.ts widens again. block-scales.ts
 * searches the scales; here they become what their bits can hold, and the codes are rounded for
 * what they became. A block that shares out scales (Q4_K, Q5_K, Q6_K) is fitted once more as a
 * whole, and what has the smaller error stays.
 * Source: ggml, ggml-common.h, for what a block is.
 */
import { clamped, encodeLine, findLine, findScale, type Line } from './block-scales.ts'
import { BLOCKS } from './blocks.ts'
import type { BlockKind } from './ops.ts'
import { float16, float16Bits } from './reference/compress.ts'

const f = Math.fround

/** The parts of a block of 256 that share a scale and a least value, or a scale alone. */
const [PART, PARTS] = [32, 8]
const [SMALL_PART, SMALL_PARTS] = [16, 16]
/** Six bits hold the scale of a part, and its least value. */
const PART_CODE_MAX = 63
/** The largest scale of a block has at least this code: with a smaller one, others are coarse. */
const LARGEST_CODE_MIN = 48

/** One block of the numbers from `from` on to the bytes from `at` on. */
type Quantise = (bytes: DataView, at: number, x: Float32Array, from: number) => void

const QUANTISE: Readonly<Record<BlockKind, Quantise>> = {
  Q4_0(bytes, at, x, from) {
    quantiseAround(bytes, at, x, from, 8)
    putNibbles(bytes, at + 2)
  },
  Q4_1(bytes, at, x, from) {
    quantiseAbove(bytes, at, x, from, 15)
    putNibbles(bytes, at + 4)
  },
  Q5_0(bytes, at, x, from) {
    quantiseAround(bytes, at, x, from, 16)
    putFifths(bytes, at + 2)
    putNibbles(bytes, at + 6)
  },
  Q5_1(bytes, at, x, from) {
    quantiseAbove(bytes, at, x, from, 31)
    putFifths(bytes, at + 4)
    putNibbles(bytes, at + 8)
  },
  // As llama.cpp does it, byte by byte: the outermost number decides, halves go away from 0.
  Q8_0(bytes, at, x, from) {
    let max = 0
    for (let i = from; i < from + 32; i++) max = Math.max(max, Math.abs(x[i]!))
    const scale = f(max / 127)
    const inverse = scale === 0 ? 0 : f(1 / scale)
    bytes.setUint16(at, float16Bits(scale), true)
    for (let i = 0; i < 32; i++) {
      const code = f(x[from + i]! * inverse)
      bytes.setInt8(at + 2 + i, Math.sign(code) * Math.floor(Math.abs(code) + 0.5))
    }
  },
  Q4_K(bytes, at, x, from) {
    quantiseParts(bytes, at, x, from, 15)
    putPairs(bytes, at + 16)
  },
  Q5_K(bytes, at, x, from) {
    quantiseParts(bytes, at, x, from, 31)
    for (let i = 0; i < PART; i++) {
      let byte = 0
      for (let part = 0; part < PARTS; part++) byte |= (codes[PART * part + i]! >> 4) << part
      bytes.setUint8(at + 16 + i, byte)
    }
    putPairs(bytes, at + 48)
  },
  Q6_K(bytes, at, x, from) {
    quantiseSmallParts(bytes, at, x, from)
    for (let i = 0; i < 128; i++) {
      const first = 128 * (i >> 6) + (i & 63)
      bytes.setUint8(at + i, (codes[first]! & 15) | ((codes[first + 64]! & 15) << 4))
    }
    for (let i = 0; i < 64; i++) {
      let byte = 0
      for (let quarter = 0; quarter < 4; quarter++) {
        byte |= (codes[128 * (i >> 5) + 32 * quarter + (i & 31)]! >> 4) << (2 * quarter)
      }
      bytes.setUint8(at + 128 + i, byte)
    }
  },
}

/**
 * The blocks of whole rows, one after the other.
 * @param values finite, and below 65520 in magnitude, from where on float16 is infinite
 */
export function quantiseBlocks(kind: BlockKind, values: Float32Array): Uint8Array<ArrayBuffer> {
  const { scalars, bytes } = BLOCKS[kind]
  const count = values.length / scalars
  const blocks = new Uint8Array(count * bytes)
  const view = new DataView(blocks.buffer)
  for (let i = 0; i < count; i++) QUANTISE[kind](view, i * bytes, values, i * scalars)
  return blocks
}

// What one block is worked on with; blocks are made one after the other.
const codes = new Uint8Array(256)
const line: Line = { scale: 0, least: 0 }
const partScales = new Float64Array(SMALL_PARTS)
const partLeasts = new Float64Array(PARTS)

/** 32 numbers with a scale alone; the code `middle` is 0. */
function quantiseAround(
  bytes: DataView,
  at: number,
  x: Float32Array,
  from: number,
  middle: number,
): void {
  const scale = putHalf(bytes, at, findScale(x, from, 32, middle))
  encodeLine(codes, 0, x, from, 32, scale, -scale * middle, 2 * middle - 1)
}

/** 32 numbers with a scale and a least value. */
function quantiseAbove(
  bytes: DataView,
  at: number,
  x: Float32Array,
  from: number,
  high: number,
): void {
  findLine(line, x, from, 32, high, Number.POSITIVE_INFINITY)
  const scale = putHalf(bytes, at, line.scale)
  const least = putHalf(bytes, at + 2, line.least)
  encodeLine(codes, 0, x, from, 32, scale, least, high)
}

/** The factors of a block's scales and of its least values, and their codes by parts. */
interface Shared {
  scale: number
  least: number
  scales: Uint8Array
  leasts: Uint8Array
}

const newShared = (): Shared => ({
  scale: 0,
  least: 0,
  scales: new Uint8Array(PARTS),
  leasts: new Uint8Array(PARTS),
})

const [firstFit, secondFit] = [newShared(), newShared()]

function quantiseParts(
  bytes: DataView,
  at: number,
  x: Float32Array,
  from: number,
  high: number,
): void {
  for (let part = 0; part < PARTS; part++) {
    findLine(line, x, from + PART * part, PART, high, 0)
    partScales[part] = line.scale
    partLeasts[part] = -line.least
  }
  firstFit.scale = commonFactor(partScales)
  firstFit.least = commonFactor(partLeasts)
  const first = choosePartCodes(firstFit, x, from, high)
  fitFactors(secondFit, firstFit, x, from, high)
  const isBetter = choosePartCodes(secondFit, x, from, high) < first
  const chosen = isBetter ? secondFit : firstFit
  putHalf(bytes, at, chosen.scale)
  putHalf(bytes, at + 2, chosen.least)
  putPartCodes(bytes, at + 4, chosen)
  encodeParts(chosen, x, from, high)
}

/** The float16 of whose multiples by six bits the values of the parts are nearest to some. */
function commonFactor(values: Float64Array): number {
  let max = 0
  for (let part = 0; part < PARTS; part++) max = Math.max(max, values[part]!)
  let best = 0
  let least = Number.POSITIVE_INFINITY
  for (let code = PART_CODE_MAX; code >= LARGEST_CODE_MIN; code--) {
    const factor = half(max / code)
    let squares = 0
    for (let part = 0; part < PARTS; part++) {
      const error = values[part]! - factor * roundedCode(values[part]!, factor)
      squares += error * error
    }
    if (squares >= least) continue
    least = squares
    best = factor
  }
  return best
}

/** Codes of scales and least values for the block's factors; returns the squared error. */
function choosePartCodes(fit: Shared, x: Float32Array, from: number, high: number): number {
  let squares = 0
  for (let part = 0; part < PARTS; part++) squares += choosePartCode(fit, part, x, from, high)
  return squares
}

/** The scale's neighbours are tried, each with the least value that its codes ask for. */
function choosePartCode(
  fit: Shared,
  part: number,
  x: Float32Array,
  from: number,
  high: number,
): number {
  const start = from + PART * part
  const nearest = roundedCode(partScales[part]!, fit.scale)
  let best = Number.POSITIVE_INFINITY
  for (let code = Math.max(0, nearest - 1); code <= nearest + 1; code++) {
    if (code > PART_CODE_MAX) break
    const scale = f(fit.scale * code)
    encodeLine(codes, 0, x, start, PART, scale, -partLeasts[part]!, high)
    let above = 0
    for (let i = 0; i < PART; i++) above += scale * codes[i]! - x[start + i]!
    const leastCode = roundedCode(above / PART, fit.least)
    const least = -f(fit.least * leastCode)
    const squares = encodeLine(codes, 0, x, start, PART, scale, least, high)
    if (squares >= best) continue
    best = squares
    fit.scales[part] = code
    fit.leasts[part] = leastCode
  }
  return best
}

const roundedCode = (value: number, factor: number): number =>
  factor === 0 ? 0 : clamped(Math.floor(value / factor + 0.5), 0, PART_CODE_MAX)

function encodeParts(fit: Shared, x: Float32Array, from: number, high: number): void {
  for (let part = 0; part < PARTS; part++) {
    const scale = f(fit.scale * fit.scales[part]!)
    const least = -f(fit.least * fit.leasts[part]!)
    encodeLine(codes, PART * part, x, from + PART * part, PART, scale, least, high)
  }
}

/** Factors that fit all parts with the codes of `fit`: x ≈ scale · u - least · w, least squares. */
function fitFactors(to: Shared, fit: Shared, x: Float32Array, from: number, high: number): void {
  encodeParts(fit, x, from, high)
  let [uu, uw, ww, xu, xw] = [0, 0, 0, 0, 0]
  for (let part = 0; part < PARTS; part++) {
    const w = fit.leasts[part]!
    for (let i = PART * part; i < PART * part + PART; i++) {
      const u = fit.scales[part]! * codes[i]!
      uu += u * u
      uw += u * w
      xu += x[from + i]! * u
      xw += x[from + i]! * w
    }
    ww += PART * w * w
  }
  const spread = uu * ww - uw * uw
  to.scale = half(spread === 0 ? fit.scale : (xu * ww - xw * uw) / spread)
  to.least = half(spread === 0 ? fit.least : (xu * uw - xw * uu) / spread)
}

/** Six bits for the scale of a part, six for its least value; those of the last four are cut. */
function putPartCodes(bytes: DataView, at: number, { scales, leasts }: Shared): void {
  for (let part = 0; part < 4; part++) {
    const [scale, least] = [scales[part + 4]!, leasts[part + 4]!]
    bytes.setUint8(at + part, scales[part]! | ((scale >> 4) << 6))
    bytes.setUint8(at + part + 4, leasts[part]! | ((least >> 4) << 6))
    bytes.setUint8(at + part + 8, (scale & 15) | ((least & 15) << 4))
  }
}

/** Parts with a signed scale of 8 bits and no least value; the code 32 is 0. */
function quantiseSmallParts(bytes: DataView, at: number, x: Float32Array, from: number): void {
  let extreme = 0
  for (let part = 0; part < SMALL_PARTS; part++) {
    const scale = findScale(x, from + SMALL_PART * part, SMALL_PART, 32)
    partScales[part] = scale
    if (Math.abs(scale) > Math.abs(extreme)) extreme = scale
  }
  const first = half(extreme / -128)
  const squares = encodeSmallParts(bytes, at, x, from, first)
  const second = fitFactor(bytes, at, x, from, first)
  const isBetter = encodeSmallParts(bytes, at, x, from, second) < squares
  if (!isBetter) encodeSmallParts(bytes, at, x, from, first)
  putHalf(bytes, at + 208, isBetter ? second : first)
}

/** Codes of the scales, which are written, and of the numbers; returns the squared error. */
function encodeSmallParts(
  bytes: DataView,
  at: number,
  x: Float32Array,
  from: number,
  factor: number,
): number {
  let squares = 0
  for (let part = 0; part < SMALL_PARTS; part++) {
    const wanted = factor === 0 ? 0 : Math.floor(partScales[part]! / factor + 0.5)
    const code = clamped(wanted, -128, 127)
    bytes.setInt8(at + 192 + part, code)
    const scale = f(factor * code)
    const start = SMALL_PART * part
    squares += encodeLine(codes, start, x, from + start, SMALL_PART, scale, -32 * scale, 63)
  }
  return squares
}

/** The factor that fits all parts with the codes that are there, least squares. */
function fitFactor(
  bytes: DataView,
  at: number,
  x: Float32Array,
  from: number,
  factor: number,
): number {
  let [uu, xu] = [0, 0]
  for (let i = 0; i < 256; i++) {
    const u = bytes.getInt8(at + 192 + (i >> 4)) * (codes[i]! - 32)
    uu += u * u
    xu += x[from + i]! * u
  }
  return uu === 0 ? factor : half(xu / uu)
}

/** The float16 that is nearest. */
const half = (value: number): number => float16(float16Bits(value))

/** Writes the float16 that is nearest, and returns it. */
function putHalf(bytes: DataView, at: number, value: number): number {
  const bits = float16Bits(value)
  bytes.setUint16(at, bits, true)
  return float16(bits)
}

/** Four bits of 32 codes: those of the second half are the upper ones. */
function putNibbles(bytes: DataView, at: number): void {
  for (let i = 0; i < 16; i++)
    bytes.setUint8(at + i, (codes[i]! & 15) | ((codes[i + 16]! & 15) << 4))
}

/** The fifth bits of 32 codes. */
function putFifths(bytes: DataView, at: number): void {
  let word = 0
  for (let i = 0; i < 32; i++) word |= (codes[i]! >> 4) << i
  bytes.setInt32(at, word, true)
}

/** Four bits of 256 codes: of each two parts, those of the second are the upper ones. */
function putPairs(bytes: DataView, at: number): void {
  for (let i = 0; i < 128; i++) {
    const first = 64 * (i >> 5) + (i & 31)
    bytes.setUint8(at + i, (codes[first]! & 15) | ((codes[first + PART]! & 15) << 4))
  }
}
