/**
 * Ctrl-C, or the end of the terminal: once means "finish what you are doing and go", twice means
 * "go".
 */
import { EXIT } from '../exit-code.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Calls `onFirst` on the first of the signals; the second ends the process. Returns how to stop
 * listening.
 */
export function onInterrupt(onFirst: () => void): () => void {
  let interrupted = false
  const listener = () => {
    if (interrupted) process.exit(EXIT.interrupted)
    interrupted = true
    onFirst()
  }
  for (const signal of SIGNALS) process.on(signal, listener)
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener)
  }
}
