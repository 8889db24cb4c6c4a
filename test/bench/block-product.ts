/**
 * Products with a matrix that a file has in blocks of Q4_K, as a contestant: `widened` from them
 * while it is packed, on the `integer` path, or on that of the `int8` that `load_in_8bit` makes of
 * it. They are cut as those of a step are: rows of activations into parts that threads take, and
 * each part along the weight. Arguments: which of them, and 1 or 2 threads. V8 may pair vectors.
 */
import { readFileSync } from 'node:fs'
import { isMainThread, Worker } from 'node:worker_threads'
import { createArena, newSharedMemory, WORKSPACE_BYTES } from '../../kernels/arena.ts'
import { weightBytes } from '../../kernels/frozen.ts'
import { frozenBackward, frozenForward } from '../../kernels/frozen-product.ts'
import type { FrozenWeight, Pointer } from '../../kernels/ops.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { ROWS_MAX } from '../../kernels/own-scratch.ts'
import { type Board, closeBoard, createTeam, newBoard, type Stage } from '../../kernels/threads.ts'
import type { Tiles } from '../../kernels/tile-template.ts'
import { KERNELS, startKernels } from '../../node/compute/start-kernels.ts'
import { type GemmTask, serveTasks, type Work } from './contestant.ts'
import { randomBlocks, repeated } from './random-gguf.ts'

const WAYS = {
  widened: { kind: 'Q4_K', path: 'float32' },
  integer: { kind: 'Q4_K', path: 'int16' },
  int8: { kind: 'int8', path: 'int16' },
} as const
type Way = (typeof WAYS)[keyof typeof WAYS]

export interface BlockProduct {
  module: WebAssembly.Module
  memory: WebAssembly.Memory
  tiles: Tiles
  board: Board
  path: Way['path']
  form: GemmTask['form']
  weight: FrozenWeight
  M: number
  from: Pointer
  to: Pointer
  /** Each thread has one. */
  workspaces: readonly Pointer[]
}

if (isMainThread) {
  const [way, threads] = process.argv.slice(2)
  const { tiles } = startKernels(true)
  const module = new WebAssembly.Module(readFileSync(KERNELS))
  let close = () => {}
  await serveTasks(async (task) => {
    if (task.task !== 'gemm') throw new Error('Blocks are multiplied only')
    close()
    const given = { module, tiles, threads: Number(threads), ...WAYS[way as keyof typeof WAYS] }
    const product = prepared(task, given)
    close = () => closeBoard(product.board)
    return work(product)
  })
}

type Given = Way & Pick<BlockProduct, 'module' | 'tiles'> & { threads: number }

function prepared({ form, M, N, K }: GemmTask, given: Given): BlockProduct {
  const { module, tiles, threads, kind, path } = given
  const memory = newSharedMemory(16)
  const arena = createArena(memory)
  const [outputs, inputs] = form === 'nt' ? [N, K] : [K, N]
  const bytes = weightBytes(kind, outputs, inputs)
  const values = arena.allocate('weight', bytes.values)
  const scales = arena.allocate('scales', bytes.scales)
  const from = arena.allocate('from', 4 * M * K)
  const to = arena.allocate('to', 4 * M * N)
  const workspaces = Array.from({ length: threads }, (_, i) =>
    arena.allocate(`workspace ${i}`, WORKSPACE_BYTES),
  )
  // Codes of int8 may be any bytes, too.
  let at = values
  for (const piece of repeated(randomBlocks('Q4_K'), bytes.values)) {
    new Uint8Array(memory.buffer, at, piece.length).set(piece)
    at += piece.length
  }
  new Float32Array(memory.buffer, scales, bytes.scales / 4).fill(2 ** -10)
  const numbers = new Float32Array(memory.buffer, from, M * K)
  for (let i = 0; i < M * K; i++) numbers[i] = Math.imul(i, 0x9e3779b1) / 2 ** 31
  const weight: FrozenWeight = { kind, values, scales, outputs, inputs }
  return { module, memory, tiles, board: newBoard(), form, path, weight, M, from, to, workspaces }
}

function work(product: BlockProduct): Work {
  const { board, workspaces, M } = product
  const stages = [productStage(product, 0)]
  const team = createTeam(board, workspaces.length, stages, () => false)
  if (workspaces.length > 1) {
    new Worker(new URL('./product-worker.ts', import.meta.url), { workerData: product })
  }
  const parts = Math.ceil(M / ROWS_MAX)
  return {
    run: () => {
      team.run(0, parts)
    },
  }
}

/** Rows part · ROWS_MAX and on. */
export function productStage(product: BlockProduct, thread: number): Stage {
  const { module, memory, tiles, form, path, weight, M, from, to, workspaces } = product
  const ops = createWasmOps(module, memory, { tiles, workspace: workspaces[thread]! })
  const { outputs, inputs } = weight
  return (part) => {
    const first = part * ROWS_MAX
    const count = Math.min(ROWS_MAX, M - first)
    const [ofInputs, ofOutputs] = [4 * first * inputs, 4 * first * outputs]
    if (form === 'nt') {
      frozenForward(ops, to + ofOutputs, from + ofInputs, weight, count, path)
    } else {
      frozenBackward(ops, to + ofInputs, from + ofOutputs, weight, count, path)
    }
  }
}
