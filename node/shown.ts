/** A stranger's value as a sentence can quote it: one line, and short. */
import { plainNumber } from './exact-json.ts'

const SHOWN_LENGTH = 80
/** A value that is shown has its first parts only: what is below may be nested without end. */
const SHOWN_DEPTH = 4

export function shown(value: unknown): string {
  const json = JSON.stringify(pruned(value, SHOWN_DEPTH))
  return json.length > SHOWN_LENGTH ? `${json.slice(0, SHOWN_LENGTH)}…` : json
}

function pruned(given: unknown, depth: number): unknown {
  const value = plainNumber(given)
  if (typeof value === 'string') return value.slice(0, SHOWN_LENGTH)
  if (typeof value === 'bigint') return `${value}`
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return '…'
  if (Array.isArray(value)) return value.slice(0, SHOWN_LENGTH).map((one) => pruned(one, depth - 1))
  const entries = Object.entries(value).slice(0, SHOWN_LENGTH)
  return Object.fromEntries(entries.map(([key, one]) => [key, pruned(one, depth - 1)]))
}
