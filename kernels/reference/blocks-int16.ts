/**
 * The integer path on weights in blocks, as `ProductPath` in kernels/ops.ts has it: a number of a
 * block is factor · code - least, and the code is an integer.
 */
import { BLOCKS, INTEGERS, SPAN } from '../blocks.ts'
import { rowBytes } from '../frozen.ts'
import type { BlockKind, FrozenWeight } from '../ops.ts'
import { codesOfBlock } from './blocks.ts'
import { quantiseRow } from './quantise-row.ts'

const f = Math.fround
/** Numbers that share a least value. */
const PART = 32

/** A weight (O,I) in parts. */
interface Parts {
  kind: BlockKind
  inputs: number
  /** (O,I) */
  codes: Int32Array
  /** (O, I / numbers of a block) */
  factors: Float32Array
  /** (O, I / PART), null where there are none. */
  leasts: Float32Array | null
}

export function partsOf(memory: WebAssembly.Memory, weight: FrozenWeight): Parts {
  const { values, outputs, inputs } = weight
  const kind = weight.kind as BlockKind
  const bytes = new Uint8Array(memory.buffer, values, outputs * rowBytes(kind, inputs).values)
  const blocks = bytes.length / BLOCKS[kind].bytes
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const all = Array.from({ length: blocks }, (_, i) =>
    codesOfBlock(kind, view, i * BLOCKS[kind].bytes),
  )
  const hasLeasts = INTEGERS[kind].middle > 0
  return {
    kind,
    inputs,
    codes: Int32Array.from(all.flatMap(({ codes }) => codes)),
    factors: Float32Array.from(all, ({ factor }) => factor),
    leasts: hasLeasts ? Float32Array.from(all.flatMap(({ leasts }) => leasts)) : null,
  }
}

/** y (O) is continued by x (I)·Wᵀ. */
export function rowForward(y: Float32Array, x: Float32Array, parts: Parts): void {
  const { kind, inputs: I, codes, factors, leasts } = parts
  const { codeMax, exact } = INTEGERS[kind]
  const { scalars } = BLOCKS[kind]
  for (let span = 0; span < I; span += SPAN) {
    const end = Math.min(span + SPAN, I)
    const a = quantiseRow(x.slice(span, end), codeMax)
    for (let o = 0; o < y.length; o++) {
      const sum = (from: number, to: number, factor: (i: number) => number) =>
        range(from, Math.min(to, end)).reduce((sum, i) => sum + a.codes[i - span]! * factor(i), 0)
      for (let i = span; i < end; i += exact) {
        const product = sum(i, i + exact, (k) => codes[o * I + k]!)
        const scaled = f(f(product) * factors[(o * I + i - (i % scalars)) / scalars]!)
        y[o] = y[o]! + f(scaled * a.scale)
      }
      if (leasts === null) continue
      for (let i = span; i < end; i += PART) {
        const activations = f(f(sum(i, i + PART, () => 1)) * a.scale)
        y[o] = y[o]! - f(activations * leasts[(o * I + i) / PART]!)
      }
    }
  }
}

/** dx (I) is continued by dy (O)·W. */
export function rowBackward(dx: Float32Array, dy: Float32Array, parts: Parts): void {
  const { kind, inputs: I, codes, factors, leasts } = parts
  const { codeMax, exact } = INTEGERS[kind]
  const { scalars } = BLOCKS[kind]
  for (let span = 0; span < dy.length; span += SPAN) {
    const rows = range(span, Math.min(span + SPAN, dy.length))
    for (let group = 0; group < I; group += scalars) {
      const factor = (o: number) => factors[(o * I + group) / scalars]!
      const a = quantiseRow(
        Float32Array.from(rows, (o) => dy[o]! * factor(o)),
        codeMax,
      )
      for (let i = group; i < group + scalars; i++) {
        if (leasts !== null) {
          const least = (o: number) => leasts[(o * I + i - (i % PART)) / PART]!
          dx[i] = dx[i]! - rows.reduce((sum, o) => f(sum + f(dy[o]! * least(o))), 0)
        }
        for (let o = 0; o < rows.length; o += exact) {
          const some = rows.slice(o, o + exact)
          const sum = some.reduce((sum, o) => sum + a.codes[o - span]! * codes[o * I + i]!, 0)
          dx[i] = dx[i]! + f(f(sum) * a.scale)
        }
      }
    }
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}
