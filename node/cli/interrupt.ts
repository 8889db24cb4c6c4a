/** Ctrl-C: once means "finish what you are doing and go", twice means "go". */
import { EXIT } from '../exit-code.ts'

/**
 * Calls `onFirst` on the first SIGINT or SIGTERM; the second ends the process. Returns how to stop
 * listening.
 */
export function onInterrupt(onFirst: () => void): () => void {
  let interrupted = false
  const listener = () => {
    if (interrupted) process.exit(EXIT.interrupted)
    interrupted = true
    onFirst()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, listener)
  return () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, listener)
  }
}
