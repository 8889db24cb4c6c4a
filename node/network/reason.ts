/** Reasons that are sent: they may quote a peer, and must have the form that every peer accepts. */
import { REASON_LENGTH_MAX } from '../../protocol/limits.ts'

export function reasonText(message: string): string {
  return message
    .replace(/\p{Cc}/gu, ' ')
    .slice(0, REASON_LENGTH_MAX)
    .toWellFormed()
}
