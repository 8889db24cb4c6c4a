/** The compute thread as a worker of Node. */
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { newControl } from '../../kernels/index.ts'
import { type Compute, createCompute } from './compute.ts'
import { areKnown, KERNELS, newFindings } from './start-kernels.ts'
import type { WorkerData } from './task.ts'

/** What all compute threads of this process know. */
const findings = newFindings()
/** Threads that start once it is known have it: what V8 made fast for one is fast for all. */
let kernels: WebAssembly.Module | null = null

export function startCompute(): Compute {
  const control = newControl()
  if (areKnown(findings)) kernels ??= new WebAssembly.Module(readFileSync(KERNELS))
  const workerData: WorkerData = { control, findings, kernels }
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData })
  return createCompute({
    control,
    post: (message, given) => worker.postMessage(message, given),
    onMessage: (listener) => worker.on('message', listener),
    onEnd: (listener) => {
      worker.on('error', listener)
      worker.on('exit', (code) => listener(new Error(`The compute thread ended with code ${code}`)))
    },
    terminate: async () => {
      await worker.terminate()
    },
  })
}
