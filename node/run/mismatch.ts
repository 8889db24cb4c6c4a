/** A record that does not fit: what a verifier found, in the order it was found. */

import { NetworkError } from '../network/errors.ts'

export interface Mismatch {
  /** Which record: `entry 17`, `round 3`, `lease 12, step 4`, or a file. */
  record: string
  /** What it must be, and what it is. */
  reason: string
}

export const mismatchText = ({ record, reason }: Mismatch): string => `${record}: ${reason}`

/** What an error says of the evidence. @throws the error, where a broken line is at fault */
export function reasonOf(error: unknown): string {
  if (error instanceof NetworkError) throw error
  return error instanceof Error ? error.message : String(error)
}
