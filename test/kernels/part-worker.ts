/** A helping thread for threads.test.ts: notes who worked off each part, and fails where told. */
import { workerData } from 'node:worker_threads'
import { type Board, serve } from '../../kernels/threads.ts'
import { countingStages } from './counting-stages.ts'

const { board, counts, thread } = workerData as {
  board: Board
  counts: SharedArrayBuffer
  thread: number
}

try {
  serve(board, countingStages(new Int32Array(counts), thread))
} catch {
  // The leader reports it; what this thread does about it is not under test.
}
