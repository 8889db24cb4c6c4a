/** Log lines for people, on stderr; data for programs goes to stdout elsewhere. */

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export type Log = Record<LogLevel, (text: string) => void>

export function createLog(levelMin: LogLevel, write: (line: string) => void): Log {
  const line = (level: LogLevel) => (text: string) => {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(levelMin)) return
    const time = new Date().toISOString().slice(11, 19)
    write(`${time} ${level === 'info' ? '' : `${level}: `}${text}\n`)
  }
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
}
