/**
 * Event traces of the Failure Trace Archive (`event_trace.tab`): an event of a node a line, with
 * tabs between the columns, and comments after `#`, of which one may name them.
 *
 *   # event_id component_id node_id platform_id node_name event_type event_start_time
 *     event_stop_time event_end_reason
 *
 * Times are seconds since 1970. An event of type 1 is a time in which the node was available, and
 * so a session of a volunteer by the node's id. The others (0: not available; 2 and 3: in use, in
 * the trace of Notre Dame) are what lies between sessions. Source: Javadi et al. 2013, The Failure
 * Trace Archive; its page FTAFormat.
 */
import { counted } from '../../protocol/index.ts'
import { UNKNOWN } from './drawn-machine.ts'
import {
  type FoundSession,
  type FoundSessions,
  quoted,
  refuse,
  secondsOf,
  type TraceSource,
} from './found-sessions.ts'

const COLUMNS = [
  'event_id',
  'component_id',
  'node_id',
  'platform_id',
  'node_name',
  'event_type',
  'event_start_time',
  'event_stop_time',
  'event_end_reason',
]
const NEEDED = ['node_id', 'event_type', 'event_start_time', 'event_stop_time'] as const
const AVAILABLE = '1'
const TYPES = ['0', AVAILABLE, '2', '3']

/** Whether a text begins as such a file does. */
export function isFailureTrace(text: string): boolean {
  const head = text.slice(0, 65_536).split('\n')
  const first = head.find((line) => line.trim() !== '' && !line.startsWith('#'))
  return head[0]!.startsWith('#') || (first?.includes('\t') ?? false)
}

/** @throws ConfigError that names the line */
export function sessionsOfFailureTrace(source: TraceSource, text: string): FoundSessions {
  let places = placesOf(COLUMNS.join(' '))!
  const sessions: FoundSession[] = []
  const left = { away: 0, empty: 0 }
  text.split(/\r?\n/).forEach((line, index) => {
    const isComment = line.startsWith('#')
    const names = index === 0 || isComment ? placesOf(line) : null
    places = names ?? places
    if (names !== null || isComment || line.trim() === '') return
    const cells = line.split('\t')
    const needed = places.map((at) => cells[at]?.trim() ?? '')
    const { isAvailable, ...session } = eventOf(source, index + 1, needed)
    if (!isAvailable) left.away += 1
    else if (session.endMs === session.startMs) left.empty += 1
    else sessions.push({ ...UNKNOWN, ...session })
  })
  const notes = [
    ...(left.away === 0
      ? []
      : [`${counted(left.away, 'event')} in which a node is away: no session`]),
    ...(left.empty === 0 ? [] : [`${counted(left.empty, 'event')} without a length: no session`]),
  ]
  return { sessions, notes }
}

/** @param cells of NEEDED, in its order */
function eventOf(source: TraceSource, place: number, cells: readonly string[]): NodeEvent {
  const [volunteer, type, start, stop] = cells as [string, string, string, string]
  const where = `line ${place}`
  if (volunteer === '') refuse(source, where, "'node_id' is empty")
  if (!TYPES.includes(type)) {
    refuse(source, where, `'event_type' must be one of ${TYPES.join(', ')}: it is ${quoted(type)}`)
  }
  const from = secondsOf(source, where, 'event_start_time', start)
  const to = secondsOf(source, where, 'event_stop_time', stop)
  if (to < from) {
    const wrong = `'event_stop_time' must not be before 'event_start_time' (${from}): it is ${to}`
    refuse(source, where, wrong)
  }
  return {
    place,
    volunteer,
    isAvailable: type === AVAILABLE,
    startMs: 1000 * from,
    endMs: 1000 * to,
  }
}

type NodeEvent = Pick<FoundSession, 'place' | 'volunteer' | 'startMs' | 'endMs'> & {
  isAvailable: boolean
}

/** Where the columns are that are needed; null: the line does not name them. */
function placesOf(line: string): number[] | null {
  const names = line.replace(/^#/, '').trim().split(/\s+/)
  const places = NEEDED.map((name) => names.indexOf(name))
  return places.includes(-1) ? null : places
}
