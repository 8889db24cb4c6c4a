/** One deadline for a whole exchange, joined with the caller's own signal. */
import { TimeoutError } from './errors.ts'

/**
 * Runs `work` with a signal that aborts after `timeoutMs` or when `parent` does. Leaves no timer
 * and no listener behind, which `AbortSignal.any` and `AbortSignal.timeout` do.
 */
export async function withDeadline<T>(
  timeoutMs: number,
  parent: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  parent?.throwIfAborted()
  const controller = new AbortController()
  const cancel = () => controller.abort(parent?.reason)
  const expire = () => controller.abort(new TimeoutError(`No answer within ${timeoutMs} ms`))
  const timer = setTimeout(expire, timeoutMs)
  parent?.addEventListener('abort', cancel, { once: true })
  try {
    return await work(controller.signal)
  } finally {
    clearTimeout(timer)
    parent?.removeEventListener('abort', cancel)
  }
}
