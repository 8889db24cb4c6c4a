/** Where volunteers get the base from, in a line. */

import { byteSize } from '../history/figures.ts'
import type { RunRow } from '../history/rows.ts'

/** @param bytes of the base */
export function baseSourcesText(mirrors: readonly string[], bytes: number): string {
  const size = byteSize(bytes)
  if (mirrors.length === 0) return `Each volunteer fetches the base, ${size}, from this host`
  const rest = 'and what they do not give from this host'
  return `Volunteers fetch the base, ${size}, from ${hostsOf(mirrors)}, ${rest}`
}

/** The same for a table. */
export const sourcesWords = (mirrors: readonly string[]): string =>
  mirrors.length === 0
    ? "the host alone; 'base_mirrors' would spare its line"
    : `${hostsOf(mirrors)}, and what they do not give from the host`

const hostsOf = (mirrors: readonly string[]): string =>
  [...new Set(mirrors.map((mirror) => new URL(mirror).host))].join(', ')

/** What left this host of the base, while it was hosted. */
export function baseSentText({
  baseBytes,
  baseBytesSent,
}: Pick<RunRow, 'baseBytes' | 'baseBytesSent'>): string {
  const times = (baseBytesSent / baseBytes).toFixed(1)
  return `${byteSize(baseBytesSent)} of the base were sent to volunteers: ${times} times its size`
}
