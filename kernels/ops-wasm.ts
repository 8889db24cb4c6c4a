/**
 * `Ops` by the compiled module: strict SIMD, same bits as the reference. The module is given, so
 * that this file runs wherever WebAssembly does; where its bytes come from is the caller's
 * business.
 *
 * One instance serves one thread. Threads may share the module and the memory, each with a
 * workspace of its own.
 */
import { growTo, WORKSPACE_BYTES, WORKSPACE_START } from './arena.ts'
import { isBlockKind } from './blocks.ts'
import { STORAGE_KINDS } from './frozen.ts'
import type { FrozenWeight, GemmForm, Ops, Pointer, ProductPath } from './ops.ts'
import { checkedOps } from './ops-checked.ts'
import { ropeTable } from './reference/math.ts'
import { FAIR_TILES, TILES, type TileName, type Tiles } from './tile-template.ts'

export interface WasmOpsOptions {
  /** WORKSPACE_BYTES that only this instance writes, for packing; the memory grows to hold them. */
  workspace?: Pointer
  /** What a product holds in registers: a matter of speed, never of bits; see tune.ts. */
  tiles?: Tiles
}

/** The exports that take other arguments than the op of the same name. */
interface Adapted {
  gemm(...args: number[]): void
  frozenFloat32(...args: number[]): void
  frozenInt16(...args: number[]): void
  frozenBlocks(...args: number[]): void
  storeWeight(...args: number[]): void
  gatherFrozen(...args: number[]): void
  dropout(...args: number[]): void
  addNoise(...args: number[]): void
  adamW(...args: number[]): void
  trimmedMean(...args: number[]): void
  allFinite(x: Pointer, n: number): number
}
type Foreign = 'name' | 'memory' | 'ropeTable' | 'frozenForward' | 'frozenBackward'
type Kernels = Omit<Ops, Foreign | keyof Adapted> & Adapted

/** How assembly/gemm.ts numbers the forms. */
const FORMS: Record<GemmForm, number> = { nt: 0, nn: 1, tn: 2 }

export function createWasmOps(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  { workspace = WORKSPACE_START, tiles = FAIR_TILES }: WasmOpsOptions = {},
): Ops {
  growTo(memory, workspace + WORKSPACE_BYTES, 'packing workspace')
  const instance = new WebAssembly.Instance(module, { env: { memory } })
  const kernels = instance.exports as unknown as Kernels
  const indexOf = (tile: TileName) => TILES.findIndex(({ name }) => name === tile)
  const [float32, int16] = [indexOf(tiles.float32), indexOf(tiles.int16)]
  function frozen(
    backward: 0 | 1,
    to: Pointer,
    from: Pointer,
    { kind, values, scales, outputs, inputs }: FrozenWeight,
    T: number,
    path: ProductPath,
    accumulate: boolean,
    ld = outputs,
  ): void {
    const fold = accumulate ? 1 : 0
    const product = [outputs, inputs, T, from, to, ld, fold, workspace]
    const number = STORAGE_KINDS.indexOf(kind)
    if (path === 'float32') {
      kernels.frozenFloat32(backward, number, values, scales, ...product, float32)
    } else if (isBlockKind(kind)) kernels.frozenBlocks(backward, number, values, ...product, int16)
    else kernels.frozenInt16(backward, values, scales, ...product, int16)
  }
  return checkedOps({
    ...kernels,
    name: `wasm ${tiles.float32}`,
    memory,
    gemm({ form, M, N, K, a, lda, b, ldb, c, ldc, accumulate }) {
      const fold = accumulate ? 1 : 0
      kernels.gemm(FORMS[form], M, N, K, a, lda, b, ldb, c, ldc, fold, workspace, float32)
    },
    frozenForward: (...product) => frozen(0, ...product),
    frozenBackward: (...product) => frozen(1, ...product),
    storeWeight({ kind, values, scales, outputs, inputs }, w) {
      kernels.storeWeight(STORAGE_KINDS.indexOf(kind), values, scales, outputs, inputs, w)
    },
    gatherFrozen(y, { kind, values, scales, inputs }, ids, T) {
      kernels.gatherFrozen(STORAGE_KINDS.indexOf(kind), y, values, scales, inputs, ids, T)
    },
    dropout({ y, x, T, I, ldy, ldx, row, column, threshold, seed, stream, batch }) {
      const factor = 65_536 / (65_536 - threshold)
      const part = [T, I, ldy, ldx, row, column]
      kernels.dropout(y, x, ...part, threshold, factor, seed, stream, batch)
    },
    addNoise: ({ y, T, D, row, magnitude, seed, batch }) =>
      kernels.addNoise(y, T, D, row, magnitude, seed, batch),
    adamW: (step) =>
      kernels.adamW(
        step.n,
        step.theta,
        step.gradient,
        step.m,
        step.v,
        step.learningRate,
        1 - step.learningRate * step.weightDecay,
        step.beta1,
        1 - step.beta1,
        step.beta2,
        1 - step.beta2,
        step.epsilon,
        step.gradientScale,
        step.mCorrection,
        step.vCorrection,
        step.ratioMax,
      ),
    trimmedMean: ({ y, x, clips, weights, parts, K, n, trim, work }) =>
      kernels.trimmedMean(y, x, clips, weights, parts, K, n, trim, work),
    allFinite: (x, n) => kernels.allFinite(x, n) !== 0,
    ropeTable: (...table) => ropeTable(memory, ...table),
  })
}
