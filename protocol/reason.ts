/** Reasons: texts for people that travel in messages, whatever they quote. */
import { REASON_LENGTH_MAX } from './limits.ts'

/** A text as messages carry it: one line, well-formed, not too long. */
export function reasonOf(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, REASON_LENGTH_MAX)
    .toWellFormed()
}
