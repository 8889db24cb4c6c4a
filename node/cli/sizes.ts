/** Sizes, counts and times, as people write them. */
import { InvalidArgumentError } from 'commander'

/** `900MB` or `2GB` in bytes. @throws InvalidArgumentError */
export function byteCount(text: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)\s*(MB|GB)$/i.exec(text) ?? []
  if (count === undefined) throw new InvalidArgumentError('It must be a size, as 900MB or 2GB.')
  return Number(count) * (unit!.toUpperCase() === 'GB' ? 1e9 : 1e6)
}

const UNIT_MS = { s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3 }

/** `90s`, `30m`, `2h` or `1d` in milliseconds. @throws InvalidArgumentError */
export function duration(text: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text) ?? []
  const ms = Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]
  if (ms > 0) return ms
  throw new InvalidArgumentError('It must be a time above 0, as 90s, 30m, 2h or 1d.')
}

export function port(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0 && value < 65_535) return value
  throw new InvalidArgumentError(
    'A port is a whole number from 0 to 65534: the next is taken, too.',
  )
}

export function positive(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('It must be a whole number above 0.')
}
