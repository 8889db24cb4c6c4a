/**
 * The threads that help a trainer: workers that share its memory and wait at its board. They never
 * look up from it, so they get all they need when they start, and are closed through the board.
 */
import { availableParallelism, totalmem } from 'node:os'
import { Worker } from 'node:worker_threads'
import { closeBoard } from '../../kernels/index.ts'
import type { HelperData } from './help.ts'

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
