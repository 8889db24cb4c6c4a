/**
 * FedScale's availability of clients (`client_behave_trace`) as JSON, since a pickle runs code when
 * it is read:
 *
 *   { "1": { "active": [0, 7200], "inactive": [3600, 9000], "finish_time": 172800, … }, … }
 *
 * A client is there from `active[i]` until `inactive[i]`, in seconds. FedScale begins a client's
 * times anew after its `finish_time`; here they are taken once. Source: Lai et al. 2022, FedScale;
 * its page on device trace formats.
 */
import { counted } from '../../protocol/index.ts'
import { UNKNOWN } from './drawn-machine.ts'
import {
  type FoundSession,
  type FoundSessions,
  placeName,
  quoted,
  refuse,
  secondsOf,
  type TraceSource,
} from './found-sessions.ts'

/** Whether a text begins as such a file does. */
export const isFedscale = (text: string): boolean => /^\s*\{/.test(text)

/** @throws ConfigError that names the client, and which of its sessions */
export function sessionsOfFedscale(source: TraceSource, text: string): FoundSessions {
  const clients = parsed(source, text)
  const sessions: FoundSession[] = []
  let empty = 0
  for (const [volunteer, client] of Object.entries(clients)) {
    const where = `client ${quoted(volunteer)}`
    const [active, inactive] = (['active', 'inactive'] as const).map((name) => {
      const list = isFields(client) ? client[name] : undefined
      return Array.isArray(list) ? list : refuse(source, where, `'${name}' must be a list`)
    }) as [unknown[], unknown[]]
    if (active.length !== inactive.length) {
      const counts = `${active.length} and ${inactive.length}`
      refuse(source, where, `'active' and 'inactive' must be as many: they are ${counts}`)
    }
    active.forEach((start, index) => {
      const place = index + 1
      const at = placeName(source, { place, volunteer })
      const from = secondsOf(source, at, 'active', String(start))
      const to = secondsOf(source, at, 'inactive', String(inactive[index]))
      if (to < from) {
        refuse(source, at, `'inactive' must not be before 'active' (${from}): it is ${to}`)
      }
      if (to === from) empty += 1
      else {
        const [startMs, endMs] = [1000 * from, 1000 * to]
        sessions.push({ ...UNKNOWN, place, volunteer, startMs, endMs })
      }
    })
  }
  const notes = ["what FedScale repeats after a client's finish_time is taken once"]
  if (empty > 0) notes.push(`${counted(empty, 'time')} without a length: no session`)
  return { sessions, notes }
}

function parsed(source: TraceSource, text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch (error) {
    return refuse(source, 'all of it', `the JSON cannot be read (${(error as Error).message})`)
  }
}

const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
