/**
 * `Ops` by the compiled module: strict SIMD, same bits as the reference. The module is given, so
 * that this file runs wherever WebAssembly does; where its bytes come from is the caller's
 * business.
 *
 * One instance serves one thread. Threads may share the module and the memory, each with a
 * workspace of its own.
 */
import { growTo, WORKSPACE_BYTES, WORKSPACE_START } from './arena.ts'
import type { GemmForm, Ops, Pointer } from './ops.ts'
import { checkedOps } from './ops-checked.ts'
import { ropeTable } from './reference/math.ts'
import { TILES } from './tile-template.ts'

type TileName = (typeof TILES)[number]['name']

export interface WasmOpsOptions {
  /** WORKSPACE_BYTES that only this instance writes, for packing; the memory grows to hold them. */
  workspace?: Pointer
  /** What a product holds in registers: a matter of speed, never of bits. */
  tile?: TileName
}

/** The exports that take other arguments than the op of the same name. */
interface Adapted {
  gemm(...args: number[]): void
  adamW(...args: number[]): void
  allFinite(x: Pointer, n: number): number
}
type Kernels = Omit<Ops, 'name' | 'memory' | 'ropeTable' | keyof Adapted> & Adapted

/** The numbers of assembly/gemm.ts. */
const FORMS: Record<GemmForm, number> = { nt: 0, nn: 1, tn: 2 }

export function createWasmOps(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  { workspace = WORKSPACE_START, tile = '5x8' }: WasmOpsOptions = {},
): Ops {
  growTo(memory, workspace + WORKSPACE_BYTES, 'packing workspace')
  const instance = new WebAssembly.Instance(module, { env: { memory } })
  const kernels = instance.exports as unknown as Kernels
  const tileIndex = TILES.findIndex(({ name }) => name === tile)
  return checkedOps({
    ...kernels,
    name: `wasm ${tile}`,
    memory,
    gemm({ form, M, N, K, a, lda, b, ldb, c, ldc, accumulate }) {
      const fold = accumulate ? 1 : 0
      kernels.gemm(FORMS[form], M, N, K, a, lda, b, ldb, c, ldc, fold, workspace, tileIndex)
    },
    adamW({ n, theta, gradient, m, v, learningRate, beta1, beta2, weightDecay, ...rest }) {
      const decay = 1 - learningRate * weightDecay
      const { epsilon, gradientScale, mCorrection, vCorrection, ratioMax } = rest
      kernels.adamW(
        ...[n, theta, gradient, m, v, learningRate, decay, beta1, 1 - beta1, beta2, 1 - beta2],
        ...[epsilon, gradientScale, mCorrection, vCorrection, ratioMax],
      )
    },
    allFinite: (x, n) => kernels.allFinite(x, n) !== 0,
    ropeTable: (...table) => ropeTable(memory, ...table),
  })
}
