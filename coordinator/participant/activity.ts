/** What a participant is doing, in a word. */
import { isCurrent, type ParticipantState } from './state.ts'

export type Activity =
  | 'connecting'
  | 'loading'
  /** It has asked for a lease. */
  | 'waiting'
  | 'training'
  /** It repeats what somebody else did. */
  | 'auditing'
  /** It scores an adapter on the run's questions. */
  | 'scoring'
  /** Handing in what is done may go on. */
  | 'paused'
  | 'finishing'
  | 'leaving'
  | 'gone'

export function activityOf(state: ParticipantState): Activity {
  const { hasExited, leaving, paused, work, sideWork, link, prepared } = state
  if (hasExited) return 'gone'
  if (leaving !== null) return leaving.how === 'finish' ? 'finishing' : 'leaving'
  if (paused !== null) return 'paused'
  if (work !== null) return 'training'
  if (sideWork !== null) return sideWork.type === 'audit' ? 'auditing' : 'scoring'
  if (link !== 'joined') return 'connecting'
  return isCurrent(state, prepared) ? 'waiting' : 'loading'
}
