/** Spans of the day, as `22-7` or `12:30-13:30`, where this machine is. */
import { ConfigError } from '../../protocol/index.ts'

/** Minutes since midnight; `to` is no part of it, and on the next day where it is not later. */
export interface Hours {
  from: number
  to: number
}

const DAY_MINUTES = 24 * 60

/** @throws ConfigError unless it reads FROM-TO, two different times of a day */
export function parseHours(text: string): Hours {
  const times = text.split('-').map(minuteOf)
  const [from, to] = times
  if (times.length !== 2 || from == null || to == null || from % DAY_MINUTES === to % DAY_MINUTES) {
    throw new ConfigError(
      `Cannot keep to hours as 'hours' must be two times, as 22-7 or 12:30-13:30: ` +
        `current value is ${text}`,
    )
  }
  return { from, to }
}

/** null where it is no time of a day; 24 is midnight too. */
function minuteOf(text: string): number | null {
  const [, hour, minute = '0'] = /^(\d{1,2})(?::(\d{2}))?$/.exec(text.trim()) ?? []
  const minutes = Number(hour) * 60 + Number(minute)
  return hour !== undefined && Number(minute) < 60 && minutes <= DAY_MINUTES ? minutes : null
}

export function isWithin({ from, to }: Hours, minute: number): boolean {
  return from < to ? from <= minute && minute < to : minute >= from || minute < to
}

/** `22:00-07:00` */
export function hoursText({ from, to }: Hours): string {
  return `${timeText(from)}-${timeText(to)}`
}

function timeText(minute: number): string {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`
}
