/** What both state machines say in a log: an effect, and the words for it. */
export interface LogEffect {
  type: 'log'
  level: 'debug' | 'info' | 'warn'
  text: string
}

export function log(level: LogEffect['level'], text: string): LogEffect {
  return { type: 'log', level, text }
}

/** People count rounds from 1. */
export const roundName = (round: number): string => `round ${round + 1}`
