/** A base whose matrices lie in blocks, and the same base widened, from a seed. Pure. */
import { BLOCKS, isBlockKind } from '../../kernels/blocks.ts'
import { rowBytes } from '../../kernels/frozen.ts'
import type { BlockKind, StorageKind } from '../../kernels/ops.ts'
import { widenBlocks } from '../../kernels/reference/blocks.ts'
import type { ModelShape } from '../../kernels/shape.ts'
import { type WeightSource, weightMatrices, weightTensors } from '../../kernels/weights.ts'

/** Where the float16 factors of a block lie. */
export const FACTORS: Readonly<Record<BlockKind, readonly number[]>> = {
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q8_0: [0],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
}

/** The exponent and fraction of factors for which numbers come to about 0.1: from so much on. */
const FACTOR_BITS: Readonly<Record<BlockKind, number>> = {
  Q4_0: 0x2000,
  Q4_1: 0x2000,
  Q5_0: 0x1c00,
  Q5_1: 0x1c00,
  Q8_0: 0x1000,
  Q4_K: 0x0a00,
  Q5_K: 0x0600,
  Q6_K: 0x0400,
}

/** Random words from a seed. */
export type Words = (count: number, seed: number) => Uint32Array

/** Whole blocks of any bytes, but for their factors. */
export function randomBlocks(kind: BlockKind, count: number, draw: Words, seed: number) {
  const { bytes } = BLOCKS[kind]
  const words = draw(count * bytes, seed)
  const blocks = Uint8Array.from(words, (word) => word >>> 24)
  const view = new DataView(blocks.buffer)
  for (let block = 0; block < count; block++) {
    for (const at of FACTORS[kind]) {
      const place = block * bytes + at
      const word = words[place]!
      const sign = word & 1 ? 0x8000 : 0
      view.setUint16(place, sign | (FACTOR_BITS[kind] + ((word >>> 8) & 0x1ff)), true)
    }
  }
  return blocks
}

/** The kinds of `kinds` in turn, one for each matrix whose rows are whole blocks of it. */
export function kindsInTurn(
  model: ModelShape,
  kinds: readonly StorageKind[],
): readonly StorageKind[] {
  return weightMatrices(model).map(({ shape: [, inputs] }, index) => {
    const fitting = kinds.filter(
      (kind) => !isBlockKind(kind) || inputs! % BLOCKS[kind].scalars === 0,
    )
    return fitting[index % fitting.length]!
  })
}

/** `tensor` gives what the blocks mean. */
export function blockWeights(
  model: ModelShape,
  kinds: readonly StorageKind[],
  rest: WeightSource,
  draw: Words,
): Required<Omit<WeightSource, 'rows'>> {
  const names = weightMatrices(model).map(({ name }) => name)
  const shapes = new Map(weightTensors(model).map(({ name, shape }) => [name, shape]))
  const bytesOf = (name: string, kind: BlockKind): Uint8Array<ArrayBuffer> => {
    const [outputs, inputs] = shapes.get(name)!
    const count = (outputs! * rowBytes(kind, inputs!).values) / BLOCKS[kind].bytes
    return randomBlocks(kind, count, draw, names.indexOf(name))
  }
  const kindOf = (name: string) => kinds[names.indexOf(name)]
  return {
    tensor(name) {
      const kind = kindOf(name)
      if (kind === undefined || !isBlockKind(kind)) return rest.tensor(name)
      return { shape: shapes.get(name)!, values: widenBlocks(kind, bytesOf(name, kind)) }
    },
    blocks(name) {
      const kind = kindOf(name) as BlockKind
      return {
        kind,
        shape: shapes.get(name)!,
        read: (into) => into.set(bytesOf(name, kind)),
      }
    },
  }
}
