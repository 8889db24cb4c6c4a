/** How the base is stored, and where volunteers get it from, in a line. */

import type { RunConfig } from '../../protocol/index.ts'
import { byteSize } from '../history/figures.ts'
import type { RunRow } from '../history/rows.ts'

/** `blocks of Q4_K and Q6_K`, or the one kind that all of it is stored in. */
export function storageWords({ base, kinds = [] }: RunConfig['kernels']): string {
  if (base !== 'blocks') return base
  const [last, ...others] = [...new Set(kinds)].sort().reverse()
  const first = others.reverse().join(', ')
  return `blocks of ${first === '' ? '' : `${first} and `}${last}`
}

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
