/**
 * The compute thread, seen from the main thread: tasks in, promises out. The numbers run in a worker so that
 * the main thread only ever moves messages.
 */
import { Worker } from 'node:worker_threads'
import type { LeaseId } from '../../protocol/messages.ts'
import type { FromWorker, TaskName, Tasks, ToWorker } from './task.ts'

export interface StepProgress {
  leaseId: LeaseId
  steps: number
  stepMs: number
  loss: number
}

export interface Compute {
  run<K extends TaskName>(name: K, input: Tasks[K]['input']): Promise<Tasks[K]['output']>
  stopTraining(leaseId: LeaseId): void
  /** Called after each local step. */
  onStep(listener: (progress: StepProgress) => void): void
  /** Ends the thread; tasks that are not done never settle. */
  close(): Promise<void>
}

interface Pending {
  resolve(output: never): void
  reject(error: Error): void
}

/** @throws (in every pending task) when the thread dies. */
export function createCompute(): Compute {
  const worker = new Worker(new URL('./worker.ts', import.meta.url))
  const pending = new Map<number, Pending>()
  let lastId = 0
  let listener: (progress: StepProgress) => void = () => {}

  function settle(id: number): Pending | undefined {
    const waiting = pending.get(id)
    pending.delete(id)
    return waiting
  }
  function fail(error: Error): void {
    for (const id of [...pending.keys()]) settle(id)?.reject(error)
  }
  worker.on('message', (message: FromWorker) => {
    if (message.type === 'step') listener(message)
    else if (message.type === 'done') settle(message.id)?.resolve(message.output as never)
    else settle(message.id)?.reject(new Error(message.message))
  })
  worker.on('error', fail)
  worker.on('exit', (code) => fail(new Error(`The compute thread ended with code ${code}`)))

  const post = (message: ToWorker) => worker.postMessage(message)
  return {
    run: (name, input) =>
      new Promise((resolve, reject) => {
        lastId += 1
        pending.set(lastId, { resolve, reject })
        post({ type: 'task', id: lastId, name, input } as ToWorker)
      }),
    stopTraining: (leaseId) => post({ type: 'stop', leaseId }),
    onStep: (added) => {
      listener = added
    },
    close: async () => {
      // Who closes does not wait for what it asked before.
      pending.clear()
      await worker.terminate()
    },
  }
}
