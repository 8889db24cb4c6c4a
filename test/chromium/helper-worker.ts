/** A helping thread in a page. */
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import type { Board } from '../../kernels/threads.ts'
import { helpTrainer, type JobShape } from '../../kernels/train-step.ts'

export interface HelperData {
  module: WebAssembly.Module
  memory: WebAssembly.Memory
  job: JobShape
  place: number
  board: Board
  thread: number
}

addEventListener('message', ({ data }: MessageEvent<HelperData>) => {
  const { module, memory, job, place, board, thread } = data
  helpTrainer(
    (workspace) => createWasmOps(module, memory, { workspace }),
    job,
    place,
    thread,
    board,
  )
  close()
})
