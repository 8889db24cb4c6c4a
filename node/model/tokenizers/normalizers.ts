/**
 * What tokenizer.json does to a text before it is cut.
 * Source: tokenizers (Rust), normalizers/.
 */
import { z } from 'zod'
import { patternOf, patternSchema } from './pattern.ts'
import { WHITE } from './piece.ts'

export type Normalizer = (text: string) => string

interface NormalizerSequence {
  type: 'Sequence'
  normalizers: NormalizerJson[]
}
const single = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal(['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents']) }),
  z.looseObject({ type: z.literal('Prepend'), prepend: z.string() }),
  z.looseObject({ type: z.literal('Replace'), pattern: patternSchema, content: z.string() }),
  z.looseObject({ type: z.literal('Strip'), strip_left: z.boolean(), strip_right: z.boolean() }),
])
type NormalizerJson = z.infer<typeof single> | NormalizerSequence
export const normalizerSchema: z.ZodType<NormalizerJson> = z.union([
  single,
  z.looseObject({
    type: z.literal('Sequence'),
    normalizers: z.array(z.lazy(() => normalizerSchema)).max(100),
  }),
])

const LEADING = new RegExp(`^[${WHITE}]+`)
const ONE_SPACE = new RegExp(`[${WHITE}]`)

export function normalizerOf(json: NormalizerJson): Normalizer {
  switch (json.type) {
    case 'Sequence': {
      const all = json.normalizers.map(normalizerOf)
      return (text) => all.reduce((changed, normalize) => normalize(changed), text)
    }
    case 'Lowercase':
      // Letter by letter: a sigma at the end of a word is as any other.
      return (text) => Array.from(text, (point) => point.toLowerCase()).join('')
    case 'StripAccents':
      return (text) => text.replaceAll(/\p{M}/gu, '')
    case 'Prepend':
      return (text) => (text === '' ? '' : json.prepend + text)
    case 'Replace': {
      const pattern = patternOf(json.pattern)
      return (text) => text.replaceAll(pattern, () => json.content)
    }
    case 'Strip':
      return (text) => {
        const rest = json.strip_left ? text.replace(LEADING, '') : text
        return json.strip_right ? withoutEnd(rest) : rest
      }
    default:
      return (text) => text.normalize(json.type)
  }
}

/** A pattern would look at every space of a text for the last. */
function withoutEnd(text: string): string {
  let end = text.length
  while (end > 0 && ONE_SPACE.test(text[end - 1]!)) end -= 1
  return text.slice(0, end)
}
