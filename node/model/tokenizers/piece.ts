/** A text on its way to tokens, and how it comes apart. */

export interface Piece {
  text: string
  /** Whether the text as it was given begins with it. */
  isFirst: boolean
}

/** A part of a text, and whether a pattern found it. */
export interface Part {
  from: number
  to: number
  isMatch: boolean
}

export type Behavior =
  | 'Removed'
  | 'Isolated'
  | 'MergedWithPrevious'
  | 'MergedWithNext'
  | 'Contiguous'

/** White space by Unicode; JavaScript's `\s` leaves U+0085 out, and takes U+FEFF for it. */
export const WHITE = '\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
/** What Rust's `\w` takes. */
export const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200c\\u200d'

/** All of the text, in parts that a global pattern finds or not. */
export function partsOf(text: string, pattern: RegExp): Part[] {
  const parts: Part[] = []
  let at = 0
  for (const { index, 0: found } of text.matchAll(pattern)) {
    if (at < index) parts.push({ from: at, to: index, isMatch: false })
    parts.push({ from: index, to: index + found.length, isMatch: true })
    at = index + found.length
  }
  if (at < text.length) parts.push({ from: at, to: text.length, isMatch: false })
  return parts
}

/**
 * Parts put together again, or left out, as a split is told.
 * Source: tokenizers (Rust), tokenizer/normalizer.rs (`NormalizedString::split`).
 */
export function splitPiece(piece: Piece, parts: readonly Part[], behavior: Behavior): Piece[] {
  const pieces: Piece[] = []
  for (const { from, to, isMatch } of joined(parts, behavior)) {
    if (from === to || (behavior === 'Removed' && isMatch)) continue
    pieces.push({ text: piece.text.slice(from, to), isFirst: piece.isFirst && from === 0 })
  }
  return pieces
}

function joined(parts: readonly Part[], behavior: Behavior): Part[] {
  switch (behavior) {
    case 'Removed':
    case 'Isolated':
      return [...parts]
    case 'Contiguous':
      return joinedWhere(parts, (isMatch, wasMatch) => isMatch === wasMatch)
    case 'MergedWithPrevious':
      return joinedWhere(parts, (isMatch, wasMatch) => isMatch && !wasMatch)
    case 'MergedWithNext':
      return joinedWhere(
        [...parts].reverse(),
        (isMatch, wasMatch) => isMatch && !wasMatch,
      ).reverse()
  }
}

/** Each part joined to the one before it, in the order given, where that is wanted. */
function joinedWhere(
  parts: readonly Part[],
  isJoined: (isMatch: boolean, wasMatch: boolean) => boolean,
): Part[] {
  const whole: Part[] = []
  let wasMatch = false
  for (const part of parts) {
    const last = whole.at(-1)
    if (last !== undefined && isJoined(part.isMatch, wasMatch)) {
      last.from = Math.min(last.from, part.from)
      last.to = Math.max(last.to, part.to)
    } else {
      whole.push({ from: part.from, to: part.to, isMatch: part.isMatch })
    }
    wasMatch = part.isMatch
  }
  return whole
}
