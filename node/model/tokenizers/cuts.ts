/**
 * How tokenizer.json cuts a text into pieces before any merge.
 * Source: tokenizers (Rust), pre_tokenizers/.
 */
import { z } from 'zod'
import { toByteLetters } from './byte-letters.ts'
import { patternOf, patternSchema } from './pattern.ts'
import { type Piece, partsOf, splitPiece, WHITE, WORD } from './piece.ts'

export type Cut = (piece: Piece) => Piece[]

const behavior = z.enum([
  'Removed',
  'Isolated',
  'MergedWithPrevious',
  'MergedWithNext',
  'Contiguous',
])
interface CutSequence {
  type: 'Sequence'
  pretokenizers: CutJson[]
}
const single = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal(['Whitespace', 'WhitespaceSplit']) }),
  z.looseObject({
    type: z.literal('ByteLevel'),
    add_prefix_space: z.boolean(),
    use_regex: z.boolean().default(true),
  }),
  z.looseObject({
    type: z.literal('Split'),
    pattern: patternSchema,
    behavior,
    invert: z.boolean(),
  }),
  z.looseObject({ type: z.literal('Digits'), individual_digits: z.boolean() }),
  z.looseObject({ type: z.literal('Punctuation'), behavior: behavior.default('Isolated') }),
  z.looseObject({
    type: z.literal('Metaspace'),
    replacement: z.string(),
    prepend_scheme: z.enum(['always', 'first', 'never']).default('always'),
    split: z.boolean().default(true),
  }),
])
type CutJson = z.infer<typeof single> | CutSequence
export const cutSchema: z.ZodType<CutJson> = z.union([
  single,
  z.looseObject({
    type: z.literal('Sequence'),
    pretokenizers: z.array(z.lazy(() => cutSchema)).max(100),
  }),
])

/** Source: openai/gpt-2, encoder.py. */
const GPT_2 = new RegExp(
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+" +
    `| ?[^${WHITE}\\p{L}\\p{N}]+|[${WHITE}]+(?![^${WHITE}])|[${WHITE}]+`,
  'gu',
)
const WORDS = new RegExp(`[${WORD}]+|[^${WORD}${WHITE}]+`, 'gu')
const SPACES = new RegExp(`[${WHITE}]`, 'gu')
const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu

export function cutOf(json: CutJson): Cut {
  switch (json.type) {
    case 'Sequence': {
      const all = json.pretokenizers.map(cutOf)
      return (piece) => all.reduce((pieces, cut) => pieces.flatMap(cut), [piece])
    }
    case 'Whitespace':
      return (piece) => splitPiece(piece, inverted(partsOf(piece.text, WORDS)), 'Removed')
    case 'WhitespaceSplit':
      return (piece) => splitPiece(piece, partsOf(piece.text, SPACES), 'Removed')
    case 'Digits': {
      const behavior = json.individual_digits ? 'Isolated' : 'Contiguous'
      return (piece) => splitPiece(piece, partsOf(piece.text, /\p{N}/gu), behavior)
    }
    case 'Punctuation':
      return (piece) => splitPiece(piece, partsOf(piece.text, PUNCTUATION), json.behavior)
    case 'Split': {
      const pattern = patternOf(json.pattern)
      const turn = json.invert ? inverted : (parts: ReturnType<typeof partsOf>) => parts
      return (piece) => splitPiece(piece, turn(partsOf(piece.text, pattern)), json.behavior)
    }
    case 'ByteLevel':
      return byteLevel(json)
    case 'Metaspace':
      return metaspace(json)
  }
}

const inverted = (parts: ReturnType<typeof partsOf>) =>
  parts.map(({ from, to, isMatch }) => ({ from, to, isMatch: !isMatch }))

function byteLevel(json: Extract<CutJson, { type: 'ByteLevel' }>): Cut {
  return ({ text, isFirst }) => {
    const isSpaced = json.add_prefix_space && !text.startsWith(' ')
    const piece = { text: isSpaced ? ` ${text}` : text, isFirst }
    const pieces = json.use_regex
      ? splitPiece(piece, partsOf(piece.text, GPT_2), 'Isolated')
      : [piece]
    return pieces.map((cut) => ({ text: toByteLetters(cut.text), isFirst: cut.isFirst }))
  }
}

function metaspace(json: Extract<CutJson, { type: 'Metaspace' }>): Cut {
  const { replacement: mark, prepend_scheme: scheme } = json
  const pattern = patternOf({ String: mark })
  return ({ text, isFirst }) => {
    const marked = text.replaceAll(' ', mark)
    const isWanted = scheme === 'always' || (scheme === 'first' && isFirst)
    const isPrepended = isWanted && !marked.startsWith(mark)
    const piece = { text: isPrepended ? mark + marked : marked, isFirst }
    return json.split ? splitPiece(piece, partsOf(piece.text, pattern), 'MergedWithNext') : [piece]
  }
}
