/**
 * Texts as Python sees them: sequences of code points, with Python's idea of a space.
 * Source: Python 3.11, `str`; Unicode Character Database.
 */

/** What `str.isspace` and `\s` take for white space, as a regular expression has it in brackets. */
const SPACES =
  '\\t-\\r\\x1c-\\x1f \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
export const SPACE = `[${SPACES}]`

const SURROGATE = /[\ud800-\udfff]/
const LEADING = new RegExp(`^${SPACE}+`)
/** Where `str.splitlines` cuts, as a regular expression has it in brackets. */
const LINE_ENDS = '\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029'
const LINE_END = new RegExp(`\\r\\n|[${LINE_ENDS}]`, 'g')

/** One text a code point. */
export function pointsOf(text: string): readonly string[] {
  return SURROGATE.test(text) ? [...text] : text.split('')
}

export function lengthOf(text: string): number {
  if (!SURROGATE.test(text)) return text.length
  let length = 0
  for (const _ of text) length += 1
  return length
}

export const stripStart = (text: string, letters: string | null): string =>
  letters === null ? text.replace(LEADING, '') : text.slice(prefixOf(text, letters))

export function stripEnd(text: string, letters: string | null): string {
  const points = pointsOf(text)
  const isStripped = strippedBy(letters)
  let end = points.length
  while (end > 0 && isStripped(points[end - 1]!)) end -= 1
  return points.slice(0, end).join('')
}

const ONE_SPACE = new RegExp(SPACE)

function strippedBy(letters: string | null): (point: string) => boolean {
  if (letters === null) return (point) => ONE_SPACE.test(point)
  const set = new Set(pointsOf(letters))
  return (point) => set.has(point)
}

function prefixOf(text: string, letters: string): number {
  const set = new Set(pointsOf(letters))
  let length = 0
  for (const point of text) {
    if (!set.has(point)) break
    length += point.length
  }
  return length
}

/** Words between white space; after `cutsMax` of them the rest is one, with the spaces in it. */
export function splitSpaces(text: string, cutsMax: number): string[] {
  const words: string[] = []
  let rest = stripStart(text, null)
  while (rest !== '') {
    const found = words.length < cutsMax ? ONE_SPACE.exec(rest) : null
    words.push(found === null ? rest : rest.slice(0, found.index))
    rest = found === null ? '' : stripStart(rest.slice(found.index), null)
  }
  return words
}

/** The same from the right. */
export function splitSpacesFromEnd(text: string, cutsMax: number): string[] {
  const words = [...text.matchAll(WORDS)]
  const from = Math.max(0, words.length - cutsMax)
  const last = words.slice(from).map(([word]) => word)
  if (from === 0) return last
  const rest = words[from - 1]!
  return [text.slice(0, rest.index + rest[0].length)].concat(last)
}

const WORDS = new RegExp(`[^${SPACES}]+`, 'g')

export function splitLines(text: string, keepsEnds: boolean): string[] {
  const lines: string[] = []
  let from = 0
  for (const { index, 0: end } of text.matchAll(LINE_END)) {
    lines.push(text.slice(from, keepsEnds ? index + end.length : index))
    from = index + end.length
  }
  if (from < text.length) lines.push(text.slice(from))
  return lines
}
