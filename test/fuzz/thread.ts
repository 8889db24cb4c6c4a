/**
 * The thread that reads the inputs. Which of them it is at stands in memory that it shares with
 * whoever watches (campaign.ts), since a decoder that hangs cannot say so.
 */

import { getHeapStatistics } from 'node:v8'
import { parentPort, workerData } from 'node:worker_threads'
import { inputsOf } from './inputs.ts'
import type { Target } from './target.ts'

/** Some inputs of a target, or one that is kept. */
export type Job =
  | { target: string; seed: number; from: number; to: number }
  | { target: string; kept: Uint8Array }

export interface ThreadData {
  jobs: readonly Job[]
  /** A module that exports TARGETS. */
  targets: string
  /** What is read from disk is written there first. */
  folder: string
  /** The job, the input within it, and how many inputs were begun. */
  at: Int32Array
}

export interface Finding {
  target: string
  why: 'another error' | 'too long' | 'too much memory' | 'a valid input is refused'
  words: string
  input: Uint8Array
}

export type FromThread = { type: 'found'; finding: Finding } | { type: 'done' }

/** What an input may take of the processor, and of memory beside the heap. */
export const INPUT_MS_MAX = 1_000
const BUFFER_BYTES_MAX = 256 * 2 ** 20

const port = parentPort!
const tell = (message: FromThread) => port.postMessage(message)

async function run({ jobs, targets, at }: ThreadData): Promise<void> {
  const { TARGETS } = (await import(targets)) as { TARGETS: readonly Target[] }
  for (const [index, job] of jobs.entries()) {
    const target = TARGETS.find(({ name }) => name === job.target)!
    const isKept = 'kept' in job
    const [from, to] = isKept ? [0, 1] : [job.from, job.to]
    const make = isKept ? () => job.kept : inputsOf(target)
    const validCount = isKept ? 0 : target.seeds().length
    for (let n = from; n < to; n++) {
      const input = make(isKept ? 0 : job.seed, n)
      at[0] = index
      at[1] = n
      Atomics.add(at, 2, 1)
      const finding = await tryInput(target, input, n < validCount)
      if (finding !== null) tell({ type: 'found', finding })
    }
  }
  tell({ type: 'done' })
}

async function tryInput(
  target: Target,
  input: Uint8Array,
  isValid: boolean,
): Promise<Finding | null> {
  const found = (why: Finding['why'], words: string) => ({ target: target.name, why, words, input })
  const buffersBefore = bufferBytes()
  const cpuBefore = process.threadCpuUsage()
  try {
    // A copy, as a decoder may not change what it was given, and a window, as most are given one.
    await target.read(Uint8Array.from(input))
  } catch (error) {
    const isExpected = target.throws.some((expected) => error instanceof expected)
    const { name = typeof error, stack = String(error) } = Object(error) as Partial<Error>
    if (!isExpected) return found('another error', `${name}: ${stack}`)
    if (isValid && !target.mayRefuseSeeds)
      return found('a valid input is refused', (error as Error).message)
  }
  // Threads that the program ends hear them, see node/bounded-work.ts.
  if (unheard !== null && !target.isEnded) {
    const words = `nobody hears of it: ${Reflect.get(Object(unheard), 'stack') ?? unheard}`
    unheard = null
    return found('another error', words)
  }
  unheard = null
  const { user, system } = process.threadCpuUsage(cpuBefore)
  const ms = (user + system) / 1000
  if (ms > INPUT_MS_MAX && !target.isEnded) return found('too long', `${Math.round(ms)} ms`)
  const grown = bufferBytes() - buffersBefore
  return grown > BUFFER_BYTES_MAX ? found('too much memory', `${grown} bytes`) : null
}

/** A rejection that nobody heard, perhaps of the input before. */
let unheard: unknown = null
process.on('unhandledRejection', (error) => {
  unheard = error
})

const bufferBytes = (): number => getHeapStatistics().external_memory

void run(workerData as ThreadData)
