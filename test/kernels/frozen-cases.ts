/** Products with frozen weights of every kind, on a table of sizes; see op-cases.ts. */
import { BLOCK_KINDS, BLOCKS, hasIntegerPath, isBlockKind } from '../../kernels/blocks.ts'
import { STORAGE_KINDS, weightBytes } from '../../kernels/frozen.ts'
import type { BlockKind, FrozenWeight, ProductPath, StorageKind } from '../../kernels/ops.ts'
import { FACTORS } from './block-weights.ts'
import { floats, integers, type Numbers, type OpCase, type Pointers, positives } from './harness.ts'

/** T, O, I: single numbers, edges of each tile, ragged groups, and sums of more than one block. */
const PRODUCTS = [
  [1, 1, 1],
  [1, 37, 66],
  [1, 16, 1030],
  [3, 5, 7],
  [4, 8, 8],
  [5, 17, 16],
  [6, 9, 65],
  [17, 33, 130],
  [2, 3, 600],
  [7, 20, 520],
  [481, 8, 12],
  [9, 65, 1030],
  [3, 600, 5],
  [5, 1030, 9],
  [0, 4, 4],
  [3, 0, 5],
  [3, 5, 0],
] as const

export const PATHS: readonly (readonly [StorageKind, ProductPath])[] = [
  ...STORAGE_KINDS.map((kind) => [kind, 'float32'] as const),
  ['int8', 'int16'],
  ...BLOCK_KINDS.map((kind) => [kind, 'int16'] as const),
]

/** Values and scales of a weight (O,I), as arrays of the kind's own numbers. */
export function weightArrays(kind: StorageKind, O: number, I: number): Record<string, Numbers> {
  const seed = `weight ${kind} ${O}x${I}`
  const bytes = weightBytes(kind, O, I)
  const none = new Uint8Array(0)
  if (isBlockKind(kind)) return { values: blocksOf(kind, seed, bytes.values), scales: none }
  switch (kind) {
    case 'float32':
      return { values: floats(seed, O * I), scales: none }
    case 'float16':
      return { values: Uint16Array.from(integers(seed, O * I, 0, 0x7c00), negate), scales: none }
    case 'bfloat16': {
      const bits = new Uint32Array(floats(seed, O * I).buffer)
      return { values: Uint16Array.from(bits, (word) => word >>> 16), scales: none }
    }
    case 'int8':
      return {
        values: Uint8Array.from(integers(seed, bytes.values, 0, 256)),
        scales: positives(seed, O, 1e-3, 0.1),
      }
  }
}

/** Bytes of any value, but for factors that are finite, of either sign, and some subnormal. */
function blocksOf(kind: BlockKind, seed: string, count: number): Uint16Array<ArrayBuffer> {
  const bytes = Uint8Array.from(integers(seed, count, 0, 256))
  const view = new DataView(bytes.buffer)
  const size = BLOCKS[kind].bytes
  const places = FACTORS[kind].flatMap((at) =>
    Array.from({ length: count / size }, (_, block) => at + block * size),
  )
  const factors = integers(`${seed} factors`, places.length, 0, 0x4000)
  for (const [i, at] of places.entries()) view.setUint16(at, negate(factors[i]!, i >> 1), true)
  return new Uint16Array(bytes.buffer)
}

/** Every other float16 negative. */
function negate(bits: number, i: number): number {
  return i % 2 === 0 ? bits : bits | 0x8000
}

export function weightAt(
  { values, scales }: Pointers,
  kind: StorageKind,
  outputs: number,
  inputs: number,
): FrozenWeight {
  return { kind, values: values!, scales: scales!, outputs, inputs }
}

export function productCases(
  [T, O, I]: readonly [number, number, number],
  [kind, path]: readonly [StorageKind, ProductPath],
): OpCase[] {
  const weight = weightArrays(kind, O, I)
  return [false, true].flatMap((accumulate): OpCase[] => {
    const sizes = `${T}x${O}x${I} ${kind} ${path}${accumulate ? ' accumulate' : ''}`
    const of = (name: string, n: number) => floats(`frozen ${name} ${sizes}`, n)
    const cases: OpCase[] = [
      {
        op: 'frozenForward',
        sizes,
        arrays: { y: of('y', T * O), x: of('x', T * I), ...weight },
        outputs: ['y'],
        run: (ops, p) =>
          ops.frozenForward(p.y!, p.x!, weightAt(p, kind, O, I), T, path, accumulate),
      },
      {
        op: 'frozenBackward',
        sizes,
        arrays: { dx: of('dx', T * I), dy: of('dy', T * O), ...weight },
        outputs: ['dx'],
        run: (ops, p) =>
          ops.frozenBackward(p.dx!, p.dy!, weightAt(p, kind, O, I), T, path, accumulate),
      },
    ]
    const isInt16 = path === 'int16'
    return cases.filter(({ op }) => !isInt16 || hasIntegerPath(kind, op === 'frozenBackward'))
  })
}

function storageCases(kind: StorageKind, O: number, I: number): OpCase[] {
  const weight = weightArrays(kind, O, I)
  const empty = Object.entries(weight).map(([name, numbers]) => [name, numbers.slice().fill(0)])
  const sizes = `${O}x${I} ${kind}`
  return [
    {
      op: 'storeWeight',
      sizes,
      arrays: { ...Object.fromEntries(empty), w: floats(`w ${sizes}`, O * I) },
      outputs: ['values', 'scales'],
      run: (ops, p) => ops.storeWeight(weightAt(p, kind, O, I), p.w!),
    },
    gatherCase(kind, O, I),
  ]
}

function gatherCase(kind: StorageKind, O: number, I: number): OpCase {
  const sizes = `${O}x${I} ${kind}`
  const ids = integers(`ids ${sizes}`, 5, 0, O)
  return {
    op: 'gatherFrozen',
    sizes,
    arrays: { y: new Float32Array(5 * I), ...weightArrays(kind, O, I), ids },
    outputs: ['y'],
    run: (ops, p) => ops.gatherFrozen(p.y!, weightAt(p, kind, O, I), p.ids!, 5),
  }
}

/** The same of whole blocks: edges of each tile, one row, ragged rows, parts of the summed axis. */
const BLOCK_PRODUCTS = [
  [1, 1, 1],
  [1, 37, 3],
  [2, 5, 2],
  [3, 6, 1],
  [5, 19, 3],
  [4, 530, 1],
  [481, 7, 1],
  [0, 4, 1],
  [3, 0, 1],
  [3, 5, 0],
] as const

const MATRICES = [
  [1, 1],
  [2, 7],
  [3, 64],
  [5, 65],
  [4, 130],
  [2, 576],
] as const

export const FROZEN_CASES: readonly OpCase[] = [
  ...PRODUCTS.flatMap((sizes) =>
    PATHS.filter(([kind]) => !isBlockKind(kind)).flatMap((path) => productCases(sizes, path)),
  ),
  ...BLOCK_PRODUCTS.flatMap(([T, O, blocks]) =>
    PATHS.flatMap(([kind, path]) =>
      isBlockKind(kind) ? productCases([T, O, blocks * BLOCKS[kind].scalars], [kind, path]) : [],
    ),
  ),
  ...MATRICES.flatMap(([O, I]) =>
    STORAGE_KINDS.filter((kind) => !isBlockKind(kind)).flatMap((kind) => storageCases(kind, O, I)),
  ),
  ...BLOCK_KINDS.flatMap((kind) => [gatherCase(kind, 7, 2 * BLOCKS[kind].scalars)]),
]
