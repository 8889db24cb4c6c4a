/**
 * The invite that a link stands for. A page that does not answer is asked again until it does, and
 * meanwhile the owner's commands are heard, as they are of one that trains.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ConfigError } from '../../protocol/index.ts'
import type { VolunteerStatus } from '../guest/control.ts'
import { serveControl } from '../guest/control-socket.ts'
import { createSensors } from '../guest/sensors.ts'
import { UnreachableError } from '../network/errors.ts'
import type { Invite } from '../network/link.ts'
import { findInvite } from '../network/page-link.ts'
import { onInterrupt } from './interrupt.ts'

const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 20_000

export interface Waiting {
  /** Hears that it is not reached yet, and what comes next. */
  tell(line: string): void
  /** Hears commands meanwhile, until what it returns is called. */
  hear?(leave: () => void): Promise<() => Promise<void>>
  retryMs?: number
}

/**
 * @returns null: the user has gone
 * @throws ConfigError for what is no link of a run
 */
export async function awaitInvite(
  link: string,
  { tell, hear, retryMs = RETRY_MS_MIN }: Waiting,
): Promise<Invite | null> {
  const leaving = new AbortController()
  const leave = () => leaving.abort()
  const stopListening = onInterrupt(leave)
  const unheard = ({ message }: Error) => {
    tell(`Commands such as \`leave\` will not reach it: ${message}`)
    return async () => {}
  }
  let stopHearing: (() => Promise<void>) | null = null
  try {
    for (let waitMs = retryMs; !leaving.signal.aborted; waitMs *= 2) {
      const found = await findInvite(link).catch(unreached)
      if (!(found instanceof UnreachableError)) return found
      const ms = Math.min(waitMs, RETRY_MS_MAX)
      tell(`${found.message}; trying again in ${ms / 1000} s (Ctrl-C stops)`)
      // Where no command can reach it, it waits all the same.
      stopHearing ??= (await hear?.(leave).catch(unheard)) ?? null
      await delay(ms, null, { signal: leaving.signal }).catch(() => {})
    }
    return null
  } finally {
    stopListening()
    await stopHearing?.()
  }
}

/** Answers commands as one that trains does, for a volunteer that has yet to reach its run. */
export function hearWhileWaiting(
  folder: string,
  described: Pick<VolunteerStatus, 'name' | 'threads' | 'memoryBytesMax'>,
): (leave: () => void) => Promise<() => Promise<void>> {
  return (leave) =>
    serveControl(folder, process.pid, async ({ command }) => {
      if (command === 'leave' || command === 'finish') leave()
      else if (command !== 'status') {
        throw new ConfigError(`Cannot ${command} as the run is not reached yet: it can only leave`)
      }
      return {
        ...described,
        pid: process.pid,
        peer: '',
        run: null,
        way: null,
        activity: 'connecting',
        credit: null,
        steps: 0,
        stepMs: null,
        reasons: [],
        pausedUntil: null,
        overruled: [],
        readings: await createSensors(() => 0).read(),
      }
    })
}

function unreached(error: unknown): UnreachableError {
  if (error instanceof UnreachableError) return error
  throw error
}
