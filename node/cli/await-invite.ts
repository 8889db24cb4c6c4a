/** The invite that a link stands for. A page that does not answer is asked again until it does. */
import { setTimeout as delay } from 'node:timers/promises'
import { UnreachableError } from '../network/errors.ts'
import type { Invite } from '../network/link.ts'
import { findInvite } from '../network/page-link.ts'
import { onInterrupt } from './interrupt.ts'

const RETRY_MS = 5_000

/**
 * @param tell hears that it is not reached yet, and what comes next
 * @returns null: the user has gone
 * @throws ConfigError for what is no link of a run
 */
export async function awaitInvite(
  link: string,
  tell: (line: string) => void,
  retryMs = RETRY_MS,
): Promise<Invite | null> {
  const leaving = new AbortController()
  const stopListening = onInterrupt(() => leaving.abort())
  try {
    while (!leaving.signal.aborted) {
      const found = await findInvite(link).catch(unreached)
      if (!(found instanceof UnreachableError)) return found
      tell(`${found.message}; trying again in ${retryMs / 1000} s (Ctrl-C stops)`)
      await delay(retryMs, null, { signal: leaving.signal }).catch(() => {})
    }
    return null
  } finally {
    stopListening()
  }
}

function unreached(error: unknown): UnreachableError {
  if (error instanceof UnreachableError) return error
  throw error
}
