/** Why a process pauses, in words, and what would let it train all the same. Pure. */
import type { PauseReason, Readings, Wishes } from './governor.ts'
import { hoursText } from './hours.ts'

export interface Explained {
  reason: PauseReason
  text: string
  /** How to start it so that this does not count. */
  override: string
}

export function explain(reason: PauseReason, readings: Readings, wishes: Wishes): Explained {
  const [text, override] = wordsOf(reason, readings, wishes)
  return { reason, text, override }
}

function wordsOf(
  reason: PauseReason,
  { othersShare, celsius, bytes }: Readings,
  { hours, othersShareMax, celsiusMax, bytesMax }: Wishes,
): [string, string] {
  switch (reason) {
    case 'asked':
      return ['you paused it', 'barnraise resume']
    case 'hours':
      return [`it is not ${hours.map(hoursText).join(' or ')}`, 'no --hours']
    case 'hidden':
      return ['the page is hidden', 'show it']
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
      return [`${moved} were moved today`, '--data-per-day with more']
    }
  }
}

const percent = (share: number | null): string => `${Math.round((share ?? 0) * 100)} %`
const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`
