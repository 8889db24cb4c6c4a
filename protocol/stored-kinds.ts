/**
 * A base whose matrices are stored as its file has them, each in a kind of its own. They are listed
 * in this order: the embedding, then q, k, v, o, gate, up and down of each layer, then the head,
 * unless it is the embedding.
 */
import type { Contradiction } from './contradiction.ts'
import * as limits from './limits.ts'
import { type Infer, oneOf } from './schema.ts'

/** What starts with a Q lies in blocks: of 256 numbers where it ends with a K, otherwise of 32. */
export const storedKind = oneOf(
  'float32',
  'float16',
  'bfloat16',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q8_0',
  'Q4_K',
  'Q5_K',
  'Q6_K',
)
type StoredKind = Infer<typeof storedKind>

const LAYER_MATRICES = 7
export const MATRICES_MAX = LAYER_MATRICES * limits.LAYERS_MAX + 2

interface Shape {
  hiddenSize: number
  intermediateSize: number
  headCount: number
  headDim: number
  layerCount: number
  tiedHead: boolean
}

export function faultsOfKinds(
  { base, kinds }: { base: string; kinds?: readonly StoredKind[] },
  shape: Shape,
): Contradiction[] {
  const rows = matrixRows(shape)
  const count = base === 'blocks' ? rows.length : 0
  const isListed = (kinds?.length ?? 0) === count
  const cut = rows.findIndex((size, i) => isListed && size % blockSize(kinds?.[i]) !== 0)
  return [
    [!isListed, 'kernels.kinds', `a list of ${count} where the base is ${base}`, kinds?.length],
    [
      cut >= 0,
      `kernels.kinds[${cut}]`,
      `a kind whose blocks fill rows of ${rows[cut]}`,
      kinds?.[cut],
    ],
  ]
}

/** The length of a row of each matrix. */
function matrixRows(shape: Shape): number[] {
  const { hiddenSize: D, intermediateSize, headCount, headDim, layerCount, tiedHead } = shape
  const layer = [D, D, D, headCount * headDim, D, D, intermediateSize]
  const layers = Array.from({ length: layerCount }, () => layer).flat()
  return [D, ...layers, ...(tiedHead ? [] : [D])]
}

/** The numbers of a block; one where there are none. */
function blockSize(kind: StoredKind = 'float32'): number {
  if (!kind.startsWith('Q')) return 1
  return kind.endsWith('K') ? 256 : 32
}
