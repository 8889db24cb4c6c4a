/**
 * The threads that help a trainer: workers that share its memory and wait at its board. They never
 * look up from it, so they get all they need when they start, and are closed through the board.
 */
import { availableParallelism, totalmem } from 'node:os'
import { Worker } from 'node:worker_threads'
import { closeBoard, closeFeed } from '../../kernels/index.ts'
import type { FeedData, FeederData, HelperData } from './help.ts'

export interface ThreadPoolData extends Omit<HelperData, 'thread'> {
  /** null: every layer is there. */
  feed: FeedData | null
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

/**
 * Starts the threads beside the trainer's own: job.threads - 1 that help it, and one that reads
 * layers where they are streamed.
 */
export function startThreads({ feed, ...data }: ThreadPoolData): ThreadPool {
  const workers = Array.from({ length: data.job.threads - 1 }, (_, index) => {
    const workerData: HelperData = { ...data, thread: index + 1 }
    return new Worker(new URL('./helper.ts', import.meta.url), { workerData })
  })
  if (feed !== null) {
    const workerData: FeederData = { ...data, ...feed }
    workers.push(new Worker(new URL('./feeder.ts', import.meta.url), { workerData }))
  }
  return {
    close: async () => {
      closeBoard(data.board)
      if (feed !== null) closeFeed(feed.feed)
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}
