/** The inside of a thread that bounded-thread.ts watches. */
import { parentPort, type Transferable, workerData } from 'node:worker_threads'
import { ConfigError } from '../protocol/index.ts'

export type FromWork<Output> =
  | { type: 'piece'; at: string; bytes: number }
  | { type: 'done'; output: Output }
  | { type: 'refused'; reason: string }

/** Tells that a piece begins: how messages call it, and its size, by which it has its time. */
export type TellPiece = (at: string, bytes: number) => void

/**
 * Does the work of this thread, once.
 * @param buffersOf what of the output is handed over instead of copied
 */
export async function serveWork<Input, Output>(
  work: (input: Input, tell: TellPiece) => Promise<Output>,
  buffersOf: (output: Output) => Transferable[] = () => [],
): Promise<void> {
  const port = parentPort!
  const post = (message: FromWork<Output>, given: Transferable[] = []) =>
    port.postMessage(message, given)
  let piece = 'it'
  const tell: TellPiece = (at, bytes) => {
    piece = at
    post({ type: 'piece', at, bytes })
  }
  // A library that reads several things at a time may leave promises alone when one of them is
  // broken; what is told of that is as good as what it throws.
  const refuse = (error: unknown) =>
    post({ type: 'refused', reason: `Cannot read ${piece}: ${(error as Error).message}` })
  process.on('unhandledRejection', refuse)
  try {
    const output = await work(workerData as Input, tell)
    post({ type: 'done', output }, buffersOf(output))
  } catch (error) {
    process.off('unhandledRejection', refuse)
    if (!(error instanceof ConfigError)) throw error
    post({ type: 'refused', reason: error.message })
  }
}
