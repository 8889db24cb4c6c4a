/** Why a process pauses, in words, and what would let it train all the same. Pure. */
import { COMMAND } from '../command.ts'
import type { PauseReason, Preferences, Readings } from './governor.ts'
import { hoursText } from './hours.ts'

export interface Explained {
  reason: PauseReason
  text: string
  /** The option of `join` by which this would not count; null: `resume` is enough. */
  override: string | null
}

/** What the run is told, and all who watch it: less than the owner knows. */
const OUTSIDE: Readonly<Record<PauseReason, string>> = {
  asked: 'its owner asked for it',
  hours: 'it is outside its hours',
  hidden: 'its page is hidden',
  battery: 'it is on battery',
  busy: 'other programs need it',
  hot: 'it is hot',
  'data-cap': 'what it may move today is used up',
}

/** Null: nothing speaks against training. */
export const wordsForOthers = (reasons: readonly PauseReason[]): string | null =>
  reasons.map((reason) => OUTSIDE[reason]).join(', ') || null

/** What to do to train all the same. */
export function overruleText(reasons: readonly Explained[]): string {
  const options = reasons.flatMap(({ override }) => override ?? [])
  if (options.length === 0) return `${COMMAND} resume`
  return `${COMMAND} resume --anyway; for good, join with ${options.join(', ')}`
}

export function explain(
  reason: PauseReason,
  readings: Readings,
  preferences: Preferences,
): Explained {
  const [text, override] = wordsOf(reason, readings, preferences)
  return { reason, text, override }
}

function wordsOf(
  reason: PauseReason,
  { othersShare, celsius, bytes }: Readings,
  { hours, othersShareMax, celsiusMax, bytesMax }: Preferences,
): [string, string | null] {
  switch (reason) {
    case 'asked':
      return ['you paused it', null]
    case 'hours':
      return [`it is not ${hours.map(hoursText).join(' or ')}`, 'other --hours']
    case 'hidden':
      return ['the page is hidden', null]
    case 'battery':
      return ['this machine runs on its battery', '--on-battery']
    case 'busy': {
      const taken = `${percent(othersShare)} of the processor, more than ${percent(othersShareMax)}`
      return [`other programs take ${taken}`, '--busy-above 100']
    }
    case 'hot': {
      const degrees = `${Math.round(celsius ?? 0)} °C, more than ${celsiusMax} °C`
      return [`this machine is at ${degrees}`, '--hot-above 150']
    }
    case 'data-cap': {
      const moved = `${megabytes(bytes)} of ${megabytes(bytesMax ?? 0)}`
      return [`${moved} were moved today`, 'more --data-per-day']
    }
  }
}

const percent = (share: number | null): string => `${Math.round((share ?? 0) * 100)} %`
const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`
