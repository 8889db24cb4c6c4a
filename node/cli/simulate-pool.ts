/** Many simulations on all cores: which of several threads does one changes nothing of it. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { ConfigError } from '../../protocol/index.ts'
import type { KeyFigures, SimulationRequest, SimulationResult } from '../../simulations/index.ts'

/** One simulation of many: what it has of its own. */
export type Variation = Pick<SimulationRequest, 'seed' | 'set'>

export interface Varied
  extends Variation,
    Pick<SimulationResult, 'rounds' | 'totals' | 'violations' | 'traceDigest'> {
  figures: KeyFigures
}

/** `auto` is a thread for each core. @throws ConfigError unless it is that or a whole number */
export function jobsOf(text: string): number {
  if (text === 'auto') return availableParallelism()
  const jobs = Number(text)
  if (Number.isInteger(jobs) && jobs > 0) return jobs
  throw new ConfigError(
    `Cannot simulate as '--jobs' must be auto or 1 or more: current value is ${text}`,
  )
}

/** @param onResult hears each as it is done */
export async function simulateAll(
  request: SimulationRequest,
  variations: readonly Variation[],
  jobs: number,
  onResult: (result: Varied, done: number) => void,
): Promise<void> {
  let next = 0
  let done = 0
  const work = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL('./simulate-worker.ts', import.meta.url), {
        workerData: request,
      })
      const give = (): void => {
        if (next < variations.length) worker.postMessage(variations[next++])
        else void worker.terminate().then(() => resolve())
      }
      worker.on('error', (error) => {
        // The others have nothing to go on for.
        next = variations.length
        reject(error)
      })
      worker.on('message', (result: Varied) => {
        done += 1
        onResult(result, done)
        give()
      })
      give()
    })
  await Promise.all(Array.from({ length: Math.min(jobs, variations.length) }, work))
}
