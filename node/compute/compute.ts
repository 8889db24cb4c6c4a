/**
 * The compute thread, seen from the main thread: tasks in, promises out. The numbers run in a
 * worker so that the main thread only ever moves messages.
 */

import { type Control, requestStop } from '../../kernels/index.ts'
import type { LeaseId } from '../../protocol/index.ts'
import type { FromWorker, StepProgress, TaskName, Tasks, ToWorker, TrainInput } from './task.ts'

export interface Compute {
  /** `onToken` hears what `generate` writes, as it does. */
  run<K extends TaskName>(
    name: K,
    input: Tasks[K]['input'],
    onToken?: (token: number) => void,
  ): Promise<Tasks[K]['output']>
  /** Ends the text that is being written, after the token in progress. */
  stopWriting(): void
  /** Ends the training of a lease after the step in progress, or at once with those before it. */
  stopTraining(leaseId: LeaseId, when: 'after-step' | 'now'): void
  /** Gives it up in the middle of a step; it ends as failed. */
  abandonTraining(leaseId: LeaseId): void
  /** Called after each local step. */
  onStep(listener: (progress: StepProgress) => void): void
  /** Ends the thread; tasks that are not done never settle. */
  close(): Promise<void>
}

/** A worker that serves tasks, as its platform starts one. */
export interface ComputeThread {
  control: Control
  /** What is given goes to the thread, and is gone here. */
  post(message: ToWorker, given: ArrayBuffer[]): void
  onMessage(listener: (message: FromWorker) => void): void
  /** It died, and does nothing any more. */
  onEnd(listener: (error: Error) => void): void
  terminate(): Promise<void>
}

interface Pending {
  resolve(output: never): void
  reject(error: Error): void
  onToken(token: number): void
}

/** Payloads are given away: a copy costs as much as what is done with it. */
function givenOf<K extends TaskName>(name: K, input: Tasks[K]['input']): ArrayBuffer[] {
  const payloads =
    name === 'measure'
      ? [(input as Tasks['measure']['input']).payload]
      : name === 'add-payloads' || name === 'subtract-payloads'
        ? (input as Tasks['add-payloads' | 'subtract-payloads']['input'])
        : []
  return payloads.map(({ buffer }) => buffer as ArrayBuffer)
}

/** Adapters in memory that threads share, by what they are copies of. */
const sharedCopies = new WeakMap<Float32Array, Float32Array>()

/**
 * The task with its adapter where the thread reads it too, if it can: leases of one round have the
 * same, and a copy for each is as large as the adapter and long in being given back.
 */
function sharing(input: TrainInput): TrainInput {
  const { adapter } = input
  if (typeof SharedArrayBuffer !== 'function') return input
  const known = sharedCopies.get(adapter)
  if (known !== undefined) return { ...input, adapter: known }
  const copy = new Float32Array(new SharedArrayBuffer(adapter.byteLength))
  copy.set(adapter)
  sharedCopies.set(adapter, copy)
  return { ...input, adapter: copy }
}

/** The thread is gone, and no task will ever be done. */
export class ComputeEndedError extends Error {
  override name = 'ComputeEndedError'
}

/** @throws ComputeEndedError in each task that is pending, or asked, when the thread has ended. */
export function createCompute(thread: ComputeThread): Compute {
  const { control, post } = thread
  const pending = new Map<number, Pending>()
  /** The training asked for last, by the id of its task. */
  let training: { leaseId: LeaseId; id: number } | null = null
  let lastId = 0
  let ended: ComputeEndedError | null = null
  let listener: (progress: StepProgress) => void = () => {}

  function settle(id: number): Pending | undefined {
    const waiting = pending.get(id)
    pending.delete(id)
    return waiting
  }
  function end({ message }: Error): void {
    ended ??= new ComputeEndedError(message)
    for (const id of [...pending.keys()]) settle(id)?.reject(ended)
  }
  /** The worker hears the message between two steps, and the shared flag within one. */
  function endNow(how: 'cut' | 'abandon', leaseId: LeaseId): void {
    post({ type: how, leaseId }, [])
    if (training?.leaseId === leaseId) requestStop(control, training.id)
  }
  thread.onMessage((message) => {
    if (message.type === 'step') listener(message)
    else if (message.type === 'token') pending.get(message.id)?.onToken(message.token)
    else if (message.type === 'done') settle(message.id)?.resolve(message.output as never)
    else settle(message.id)?.reject(new Error(message.message))
  })
  thread.onEnd(end)

  return {
    run: (name, input, onToken = () => {}) =>
      new Promise((resolve, reject) => {
        if (ended !== null) return reject(ended)
        lastId += 1
        pending.set(lastId, { resolve, reject, onToken })
        const sent = name === 'train' ? sharing(input as TrainInput) : input
        if (name === 'train') training = { leaseId: (input as TrainInput).leaseId, id: lastId }
        post({ type: 'task', id: lastId, name, input: sent } as ToWorker, givenOf(name, input))
      }),
    stopWriting: () => post({ type: 'stop-writing' }, []),
    stopTraining: (leaseId, when) => {
      if (when === 'now') endNow('cut', leaseId)
      else post({ type: 'stop', leaseId }, [])
    },
    abandonTraining: (leaseId) => endNow('abandon', leaseId),
    onStep: (added) => {
      listener = added
    },
    close: async () => {
      end(new Error('The compute thread was closed'))
      await thread.terminate()
    },
  }
}
