/**
 * The threads that help a trainer: workers that share its memory and wait at its board. They never
 * look up from it, so they get all they need when they start, and are closed through the board.
 */
import { availableParallelism, totalmem } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Control } from '../../kernels/control.ts'
import type { Pointer } from '../../kernels/ops.ts'
import { type Board, closeBoard } from '../../kernels/threads.ts'
import type { Tiles } from '../../kernels/tile-template.ts'
import type { JobShape } from '../../kernels/train-step.ts'

export interface HelperData {
  module: WebAssembly.Module
  memory: WebAssembly.Memory
  control: Control
  tiles: Tiles
  board: Board
  job: JobShape
  /** Where the trainer's buffers begin. */
  place: Pointer
  /** From 1; the trainer's own is 0. */
  thread: number
}

export interface ThreadPool {
  close(): Promise<void>
}

/** Half of this machine's cores: the other half is its owner's. */
export function defaultThreads(): number {
  return Math.max(1, Math.floor(availableParallelism() / 2))
}

/** Half of this machine's memory, for the same reason. */
export function defaultMemoryBytes(): number {
  return Math.floor(totalmem() / 2)
}

/** Starts the threads beside the trainer's own: job.threads - 1 of them. */
export function startThreads(data: Omit<HelperData, 'thread'>): ThreadPool {
  const workers = Array.from({ length: data.job.threads - 1 }, (_, index) => {
    const workerData: HelperData = { ...data, thread: index + 1 }
    return new Worker(new URL('./helper.ts', import.meta.url), { workerData })
  })
  return {
    close: async () => {
      closeBoard(data.board)
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}
