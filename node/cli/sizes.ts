/** Sizes, as people write them. */
import { InvalidArgumentError } from 'commander'

/** `900MB` or `2GB` in bytes. @throws InvalidArgumentError */
export function byteCount(text: string): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)\s*(MB|GB)$/i.exec(text) ?? []
  if (count === undefined) throw new InvalidArgumentError('It must be a size, as 900MB or 2GB.')
  return Number(count) * (unit!.toUpperCase() === 'GB' ? 1e9 : 1e6)
}
