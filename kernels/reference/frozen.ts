/**
 * Products with frozen weights, and the kinds in which those are stored. A weight is turned into
 * float32 numbers first, whatever its kind; the integer path reads its codes instead.
 */
import { isBlockKind } from '../blocks.ts'
import { rowBytes, weightRows } from '../frozen.ts'
import type { FrozenWeight, Pointer, ProductPath } from '../ops.ts'
import { widenBlocks } from './blocks.ts'
import { partsOf, rowBackward, rowForward } from './blocks-int16.ts'
import { float16, float16Bits, roundHalfEven } from './compress.ts'
import { quantiseRow } from './quantise-row.ts'

type Memory = WebAssembly.Memory
const f = Math.fround

/** Numbers of a row that are quantised together on the integer path. */
const BLOCK = 512
/** 512 · 32767 · 128 < 2^31: no sum of a block can leave int32, in whatever order it is taken. */
const CODE_MAX = 32767

export function frozenForward(
  memory: Memory,
  y: Pointer,
  x: Pointer,
  weight: FrozenWeight,
  T: number,
  path: ProductPath,
  accumulate: boolean,
  ldy = weight.outputs,
): void {
  const { outputs: O, inputs: I } = weight
  const at = { rows: T, columns: O, summed: I, from: x, lda: I, to: y, ldc: ldy, accumulate }
  if (path === 'float32') {
    const w = matrixOf(memory, weight)
    foldProducts(memory, at, (k, o) => w[o * I + k]!)
  } else if (isBlockKind(weight.kind)) {
    const parts = partsOf(memory, weight)
    foldRows(memory, at, (y, x) => rowForward(y, x, parts))
  } else {
    const { codes, scales } = codesOf(memory, weight)
    foldBlocks(memory, at, (k, o) => codes[o * I + k]!, { column: (o) => scales[o]!, summed: null })
  }
}

export function frozenBackward(
  memory: Memory,
  dx: Pointer,
  dy: Pointer,
  weight: FrozenWeight,
  T: number,
  path: ProductPath,
  accumulate: boolean,
  lddy = weight.outputs,
): void {
  const { outputs: O, inputs: I } = weight
  const at = { rows: T, columns: I, summed: O, from: dy, lda: lddy, to: dx, ldc: I, accumulate }
  if (path === 'float32') {
    const w = matrixOf(memory, weight)
    foldProducts(memory, at, (k, i) => w[k * I + i]!)
  } else if (isBlockKind(weight.kind)) {
    const parts = partsOf(memory, weight)
    foldRows(memory, at, (dx, dy) => rowBackward(dx, dy, parts))
  } else {
    const { codes, scales } = codesOf(memory, weight)
    foldBlocks(memory, at, (k, i) => codes[k * I + i]!, { column: null, summed: scales })
  }
}

/** C (rows,columns) at `to` from A (rows,summed) at `from`, with their row strides. */
interface Product {
  rows: number
  columns: number
  summed: number
  from: Pointer
  lda: number
  to: Pointer
  ldc: number
  accumulate: boolean
}

type Element = (k: number, column: number) => number

/** The strict path: one left fold over k. */
function foldProducts(memory: Memory, product: Product, element: Element): void {
  const { rows, columns, summed, accumulate } = product
  for (let row = 0; row < rows; row++) {
    const { a, c } = rowOfProduct(memory, product, row)
    for (let column = 0; column < columns; column++) {
      let acc = accumulate ? c[column]! : 0
      for (let k = 0; k < summed; k++) acc = f(acc + f(a[k]! * element(k, column)))
      c[column] = acc
    }
  }
}

/** Weights' scales: a factor of a column, or of the numbers along the summed axis. */
interface Scales {
  column: ((column: number) => number) | null
  summed: Float32Array | null
}

/** The integer path: one left fold over blocks, each of which is exact. */
function foldBlocks(memory: Memory, product: Product, code: Element, scales: Scales): void {
  const { rows, columns, summed, accumulate } = product
  for (let row = 0; row < rows; row++) {
    const { a, c } = rowOfProduct(memory, product, row)
    if (!accumulate) c.fill(0)
    for (let start = 0; start < summed; start += BLOCK) {
      const x = a.slice(start, start + BLOCK)
      const scaled = x.map((value, k) => value * (scales.summed?.[start + k] ?? 1))
      const block = quantiseRow(scaled, CODE_MAX)
      for (let column = 0; column < columns; column++) {
        const sum = block.codes.reduce((sum, q, k) => sum + q * code(start + k, column), 0)
        const weighted = f(f(sum) * (scales.column?.(column) ?? 1))
        c[column] = c[column]! + f(weighted * block.scale)
      }
    }
  }
}

/** The integer path on blocks, row by row. */
function foldRows(
  memory: Memory,
  product: Product,
  fold: (c: Float32Array, a: Float32Array) => void,
): void {
  for (let row = 0; row < product.rows; row++) {
    const { a, c } = rowOfProduct(memory, product, row)
    if (!product.accumulate) c.fill(0)
    fold(c, a)
  }
}

function rowOfProduct(memory: Memory, product: Product, row: number) {
  const { summed, columns, from, lda, to, ldc } = product
  return {
    a: new Float32Array(memory.buffer, from + 4 * row * lda, summed),
    c: new Float32Array(memory.buffer, to + 4 * row * ldc, columns),
  }
}

function codesOf(memory: Memory, { values, scales, outputs, inputs }: FrozenWeight) {
  return {
    codes: new Int8Array(memory.buffer, values, outputs * inputs),
    scales: new Float32Array(memory.buffer, scales, outputs),
  }
}

/** W (O,I) as float32. */
function matrixOf(memory: Memory, weight: FrozenWeight): Float32Array {
  const { outputs, inputs } = weight
  const w = new Float32Array(outputs * inputs)
  for (let o = 0; o < outputs; o++) w.set(rowOf(memory, weightRows(weight, o, 1)), o * inputs)
  return w
}

/** The only row of a weight. */
function rowOf(memory: Memory, weight: FrozenWeight): Float32Array {
  const { kind, values, scales, inputs: I } = weight
  if (isBlockKind(kind)) {
    return widenBlocks(kind, new Uint8Array(memory.buffer, values, rowBytes(kind, I).values))
  }
  switch (kind) {
    case 'float32':
      return new Float32Array(memory.buffer, values, I)
    case 'float16':
      return Float32Array.from(new Uint16Array(memory.buffer, values, I), float16)
    case 'bfloat16': {
      const halves = Uint32Array.from(new Uint16Array(memory.buffer, values, I))
      return new Float32Array(halves.map((bits) => bits << 16).buffer)
    }
    case 'int8': {
      const scale = new Float32Array(memory.buffer, scales, 1)[0]!
      return Float32Array.from(new Int8Array(memory.buffer, values, I), (code) => code * scale)
    }
  }
}

export function storeWeight(memory: Memory, weight: FrozenWeight, w: Pointer): void {
  const { outputs, inputs } = weight
  for (let o = 0; o < outputs; o++) {
    storeRow(memory, weightRows(weight, o, 1), w + 4 * o * inputs)
  }
}

function storeRow(memory: Memory, weight: FrozenWeight, w: Pointer): void {
  const { kind, values, scales, inputs: I } = weight
  const from = new Float32Array(memory.buffer, w, I)
  if (isBlockKind(kind)) return
  switch (kind) {
    case 'float32':
      return new Float32Array(memory.buffer, values, I).set(from)
    case 'float16':
      return new Uint16Array(memory.buffer, values, I).set(Uint16Array.from(from, float16Bits))
    case 'bfloat16': {
      const bits = new Uint32Array(from.slice().buffer)
      return new Uint16Array(memory.buffer, values, I).set(bits.map(bfloat16Bits))
    }
    case 'int8': {
      const scale = f(from.reduce((max, value) => Math.max(max, Math.abs(value)), 0) / 127)
      new Float32Array(memory.buffer, scales, 1)[0] = scale
      const code = (x: number) => roundHalfEven(Math.min(Math.max(f(x / scale), -127), 127))
      new Int8Array(memory.buffer, values, I).set(Array.from(from, scale === 0 ? () => 0 : code))
      return
    }
  }
}

/** The bits of a finite float32, rounded to its upper half; a tie goes to the even neighbour. */
function bfloat16Bits(bits: number): number {
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

export function gatherFrozen(
  memory: Memory,
  y: Pointer,
  weight: FrozenWeight,
  ids: Pointer,
  T: number,
): void {
  const I = weight.inputs
  const rows = new Int32Array(memory.buffer, ids, T)
  for (let t = 0; t < T; t++) {
    const row = rowOf(memory, weightRows(weight, rows[t]!, 1))
    new Float32Array(memory.buffer, y + 4 * t * I, I).set(row)
  }
}
