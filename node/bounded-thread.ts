/**
 * Work on what strangers made (data, templates, tokenizers), in a thread of its own. A few hundred
 * bytes can be made to keep a parser busy for ever, or to fill all memory, and what is busy cannot
 * be asked to stop: so the thread is ended from outside when it takes longer over a piece than that
 * piece can be worth, or more memory than it may have.
 *
 * The thread tells, with each piece that it begins, how many bytes it has (bounded-work.ts). Only
 * time in which it computes counts, not the time in which it waits.
 */
import { Worker } from 'node:worker_threads'
import { ConfigError } from '../protocol/index.ts'
import type { FromWork } from './bounded-work.ts'

export interface Bounds {
  /** What is done, as messages have it: `read the data`. */
  task: string
  /** What a piece may take, whatever its size. */
  pieceMsMax: number
  /** What each of its bytes may take besides: a thousand times what an honest one takes. */
  byteMsMax: number
  heapBytesMax: number
}

export const BOUNDS: Omit<Bounds, 'task'> = {
  pieceMsMax: 20_000,
  byteMsMax: 0.02,
  heapBytesMax: 4 * 2 ** 30,
}

const LOOKS_MS = 100

/**
 * What the work of `module` makes of the input.
 * @param module a file that calls `serveWork`
 * @throws ConfigError as the work does, or when it is ended, naming the piece
 */
export function workInThread<Output>(
  module: URL,
  input: unknown,
  { task, pieceMsMax, byteMsMax, heapBytesMax }: Bounds,
): Promise<Output> {
  const worker = new Worker(module, {
    workerData: input,
    resourceLimits: { maxOldGenerationSizeMb: Math.ceil(heapBytesMax / 2 ** 20) },
  })
  // Until a piece is told, the thread loads its modules, which are ours.
  let piece: { at: string; bytes: number; sinceMs: number } | null = null
  const activeMs = () => worker.performance.eventLoopUtilization().active
  const refusal = (reason: string) =>
    new ConfigError(
      `Cannot ${task} as ${piece?.at ?? 'it'} ${reason}: it is broken, or made to do harm`,
    )
  return new Promise<Output>((resolve, reject) => {
    const watch = setInterval(() => {
      if (piece === null) return
      const ms = activeMs() - piece.sinceMs
      if (ms <= pieceMsMax + byteMsMax * piece.bytes) return
      end(() => reject(refusal(`takes more than ${Math.round(ms / 1000)} seconds`)))
    }, LOOKS_MS)
    const end = (settle: () => void) => {
      clearInterval(watch)
      settle()
      void worker.terminate()
    }
    worker.on('message', (message: FromWork<Output>) => {
      switch (message.type) {
        case 'piece':
          piece = { at: message.at, bytes: message.bytes, sinceMs: activeMs() }
          return
        case 'done':
          return end(() => resolve(message.output))
        case 'refused':
          return end(() => reject(new ConfigError(message.reason)))
      }
    })
    worker.on('error', (error: NodeJS.ErrnoException) => {
      const isFull = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      const limit = `needs more than ${Math.round(heapBytesMax / 2 ** 20)} MiB of memory`
      end(() => reject(isFull ? refusal(limit) : error))
    })
    worker.on('exit', () => end(() => reject(new Error(`The thread to ${task} ended early`))))
  })
}
