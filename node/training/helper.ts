/** A helping thread: works off parts of the compute thread's steps until it is closed. */
import { workerData } from 'node:worker_threads'
import { pausable } from '../../kernels/control.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { helpTrainer } from '../../kernels/train-step.ts'
import type { HelperData } from './thread-pool.ts'

const { module, memory, control, tiles, board, job, place, thread } = workerData as HelperData

helpTrainer(
  (workspace) => pausable(control, createWasmOps(module, memory, { workspace, tiles })),
  job,
  place,
  thread,
  board,
)
