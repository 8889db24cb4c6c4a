/**
 * Patterns of tokenizer.json, which are regular expressions of Oniguruma, as JavaScript's.
 * @huggingface/tokenizers translates them.
 */
import { Tokenizer } from '@huggingface/tokenizers'
import { z } from 'zod'

export const patternSchema = z.union([
  z.strictObject({ String: z.string() }),
  z.strictObject({ Regex: z.string().max(10_000) }),
])

/** A global one. */
export function patternOf(given: z.infer<typeof patternSchema>): RegExp {
  if ('String' in given)
    return new RegExp(given.String.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), 'gu')
  const found = translated(given)
  return new RegExp(found.source, `${found.flags.replace('g', '')}g`)
}

/** The library's translation has no door of its own: a tokenizer that only splits shows it. */
function translated(pattern: { Regex: string }): RegExp {
  const split = { type: 'Split', pattern, behavior: 'Isolated', invert: false }
  const model = { type: 'BPE', vocab: {}, merges: [] }
  const parts = { model, decoder: null, post_processor: null, normalizer: null, added_tokens: [] }
  const { pre_tokenizer } = new Tokenizer({ ...parts, pre_tokenizer: split }, {})
  const found = (pre_tokenizer as unknown as { pattern: RegExp | null }).pattern
  if (found === null) throw new Error(`no pattern in ${JSON.stringify(pattern)}`)
  return found
}
