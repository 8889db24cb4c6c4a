/** The check of a run that this page asked for, and the worker that does it. */
import { signal } from '@preact/signals'
import type { Trusted, Verification, VerifyProgress } from '../../run/verify.ts'
import type { FromChecker, ToChecker } from '../tab/check-messages.ts'
import type { Door } from '../tab/door.ts'

export type Check =
  | { stage: 'idle' }
  | { stage: 'checking'; bytes: number; progress: VerifyProgress | null }
  | { stage: 'done'; verification: Verification; ms: number }
  | { stage: 'failed'; reason: string }

export const check = signal<Check>({ stage: 'idle' })

/** A device that does not say how much memory it has. */
const MEMORY_GIGABYTES_UNKNOWN = 2
const HALF_GIGABYTE = 2 ** 29

export interface CheckedPlace {
  door: Door
  /** Where the run is published, below the address of the page. */
  folder: string
  word: string | null
  trusted: Trusted
}

export function startCheck({ door, folder, word, trusted }: CheckedPlace, steps: number): void {
  // The bundler knows a worker by these very words.
  const worker = new Worker(new URL('../tab/check-worker.ts', import.meta.url), { type: 'module' })
  const { deviceMemory = MEMORY_GIGABYTES_UNKNOWN } = navigator as { deviceMemory?: number }
  const [seed = 0] = crypto.getRandomValues(new Uint32Array(1))
  const given: ToChecker = {
    door,
    folder,
    word,
    trusted,
    steps,
    seed,
    memoryBytesMax: deviceMemory * HALF_GIGABYTE,
  }
  const end = (result: Check) => {
    worker.terminate()
    check.value = result
  }
  check.value = { stage: 'checking', bytes: 0, progress: null }
  worker.addEventListener('message', ({ data }: MessageEvent<FromChecker>) => hear(data, end))
  worker.addEventListener('error', (event) => {
    // It is told in words, and need not go up to the page as an error of its own.
    event.preventDefault()
    end({ stage: 'failed', reason: event.message })
  })
  worker.postMessage(given)
}

function hear(message: FromChecker, end: (result: Check) => void): void {
  const now = check.value
  switch (message.type) {
    case 'fetched':
      if (now.stage === 'checking') check.value = { ...now, bytes: message.bytes }
      return
    case 'progress':
      if (now.stage === 'checking') check.value = { ...now, progress: message.progress }
      return
    case 'done':
      return end({ stage: 'done', verification: message.verification, ms: message.ms })
    case 'failed':
      return end({ stage: 'failed', reason: message.reason })
  }
}
