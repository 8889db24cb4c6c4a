/** What a process has in memory that is no page of a file; 0 when it has ended. Linux alone. */
import { readFileSync } from 'node:fs'

export function anonymousBytes(pid: string): number {
  let status: string
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return 0
  }
  const kilobytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0)
  return 1024 * (kilobytes('RssAnon') + kilobytes('RssShmem'))
}
