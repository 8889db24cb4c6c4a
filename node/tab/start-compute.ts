/** The compute thread as a worker of a page. */
import { newControl } from '../../kernels/control.ts'
import { type Compute, createCompute } from '../training/compute.ts'
import type { FromWorker } from '../training/task.ts'
import type { ComputeStart } from './compute-worker.ts'

export function startCompute(): Compute {
  const control = newControl()
  // The bundler knows a worker by these very words.
  const worker = new Worker(new URL('./compute-worker.ts', import.meta.url), { type: 'module' })
  const start: ComputeStart = { control: crossOriginIsolated ? control : null }
  worker.postMessage(start)
  return createCompute({
    control,
    post: (message, given) => worker.postMessage(message, given),
    onMessage: (listener) =>
      worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => listener(data)),
    onEnd: (listener) =>
      worker.addEventListener('error', ({ message }) =>
        listener(new Error(`The compute thread died: ${message}`)),
      ),
    terminate: async () => worker.terminate(),
  })
}
