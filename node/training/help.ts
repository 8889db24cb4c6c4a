/** What a helping thread does: parts of the compute thread's steps, until the board is closed. */
import type { Pointer } from '../../kernels/ops.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import type { Board } from '../../kernels/threads.ts'
import type { Tiles } from '../../kernels/tile-template.ts'
import { helpTrainer, type JobShape } from '../../kernels/train-step.ts'

export interface HelperData {
  module: WebAssembly.Module
  memory: WebAssembly.Memory
  tiles: Tiles
  board: Board
  job: JobShape
  /** Where the trainer's buffers begin. */
  place: Pointer
  /** From 1; the trainer's own is 0. */
  thread: number
}

export function help(data: HelperData): void {
  const { module, memory, tiles, board, job, place, thread } = data
  helpTrainer(
    (workspace) => createWasmOps(module, memory, { workspace, tiles }),
    job,
    place,
    thread,
    board,
  )
}
