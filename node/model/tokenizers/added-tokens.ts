/**
 * Tokens that are found in a text before anything else is done with it, each with its own flags.
 *
 * Of those that begin at one place the longest is found, of all the leftmost. `normalized` ones are
 * looked for in what the normalizer makes of the rest. A `single_word` stands alone: no letter,
 * digit or underscore beside it. `lstrip` and `rstrip` take the white space beside it along.
 * Source: tokenizers (Rust), tokenizer/added_vocabulary.rs.
 */
import { z } from 'zod'
import { WHITE, WORD } from './piece.ts'

export const addedTokenSchema = z.looseObject({
  id: z.int().min(0),
  content: z.string(),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
  special: z.boolean().default(false),
})
export type AddedToken = z.infer<typeof addedTokenSchema>

export interface Section {
  /** Null: a text between tokens. */
  id: number | null
  from: number
  to: number
}

const ONE_WORD = new RegExp(`^[${WORD}]$`, 'u')
const WORD_AFTER = new RegExp(`^[${WORD}]`, 'u')
const ONE_SPACE = new RegExp(`[${WHITE}]`)
const SPACE_AFTER = new RegExp(`^[${WHITE}]*`)

/** Finds tokens by what `written` makes of their text. */
export function createFinder(
  tokens: readonly AddedToken[],
  written: (content: string) => string,
): (text: string) => Section[] {
  const byText = new Map<string, AddedToken>()
  // Of two with one text the first is found.
  for (const token of tokens) {
    const text = written(token.content)
    if (text !== '' && !byText.has(text)) byText.set(text, token)
  }
  const pattern = patternOf([...byText.keys()])
  return (text) => {
    if (pattern === null) return [{ id: null, from: 0, to: text.length }]
    return sectionsOf(text, pattern, byText)
  }
}

/** JavaScript takes the first way that fits, so the longest come first. */
function patternOf(texts: readonly string[]): RegExp | null {
  if (texts.length === 0) return null
  const escaped = [...texts]
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
  return new RegExp(escaped.join('|'), 'gu')
}

function sectionsOf(
  text: string,
  pattern: RegExp,
  byText: ReadonlyMap<string, AddedToken>,
): Section[] {
  const sections: Section[] = []
  let done = 0
  for (const { index, 0: found } of text.matchAll(pattern)) {
    const token = byText.get(found)!
    let from = index
    let to = index + found.length
    const after = text.slice(to)
    if (token.single_word && (endsInWord(text, from) || WORD_AFTER.test(after))) continue
    if (token.lstrip) from = spaceBefore(text, from, done)
    if (token.rstrip) to += SPACE_AFTER.exec(after)![0].length
    if (done < from) sections.push({ id: null, from: done, to: from })
    sections.push({ id: token.id, from, to })
    done = to
  }
  if (done < text.length) sections.push({ id: null, from: done, to: text.length })
  return sections
}

/** Looked at from its end alone: a text may be long, and hold many tokens. */
function endsInWord(text: string, end: number): boolean {
  const point = [...text.slice(Math.max(0, end - 2), end)].at(-1)
  return point !== undefined && ONE_WORD.test(point)
}

function spaceBefore(text: string, end: number, least: number): number {
  let from = end
  while (from > least && ONE_SPACE.test(text[from - 1]!)) from -= 1
  return from
}
