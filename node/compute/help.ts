/** What a helping thread does: parts of the compute thread's steps, until the board is closed. */
import {
  type Board,
  createWasmOps,
  helpTrainer,
  type JobShape,
  type Pointer,
  type Tiles,
} from '../../kernels/index.ts'

export interface HelperData {
  module: WebAssembly.Module
  memory: WebAssembly.Memory
  tiles: Tiles
  board: Board
  job: JobShape
  /** The place in memory at which the trainer's buffers begin. */
  place: Pointer
  /** Its number, from 1; the trainer's own is 0. */
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
