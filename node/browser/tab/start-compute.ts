/** The compute thread as a worker of a page. */
import { newControl } from '../../../kernels/index.ts'
import { type Compute, createCompute } from '../../compute/compute.ts'
import type { FromWorker } from '../../compute/task.ts'
import type { ComputeStart } from './compute-worker.ts'
import { mayShareMemory } from './shared-memory.ts'

export function startCompute(): Compute {
  const control = newControl()
  // The bundler knows a worker by these very words.
  const worker = new Worker(new URL('./compute-worker.ts', import.meta.url), { type: 'module' })
  const start: ComputeStart = { control: mayShareMemory() ? control : null }
  worker.postMessage(start)
  return createCompute({
    control,
    post: (message, given) => worker.postMessage(message, given),
    onMessage: (listener) =>
      worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => listener(data)),
    onEnd: (listener) =>
      worker.addEventListener('error', (event) => {
        // It is told in words, and need not go up to the page as an error of its own.
        event.preventDefault()
        listener(new Error(`The compute thread died: ${event.message}`))
      }),
    terminate: async () => worker.terminate(),
  })
}
