/**
 * How a text is cut into pieces before any merge: as tokenizer.json says it, by the name that
 * llama.cpp has for the same rule. llama.cpp has the rules in its source and knows them by name
 * alone, so only those are here that are known to mean the same in both.
 * Source: llama.cpp, src/llama-vocab.cpp (`llm_tokenizer_bpe`).
 */

const byteLevel = (useRegex: boolean) => ({
  // The Rust library asks for offsets, which nobody here uses.
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
})
const sequence = (...pretokenizers: unknown[]) => ({ type: 'Sequence', pretokenizers })
const split = (pattern: string) => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
})
/** Letters, digits by `digits` at most, punctuation, line ends and spaces. */
const modern = (digits: string) =>
  sequence(
    split(
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" +
        `${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
    ),
    byteLevel(false),
  )

export const PRE_TOKENIZERS: Readonly<Record<string, object>> = {
  'gpt-2': byteLevel(true),
  smollm: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
  qwen2: modern(''),
  'llama-bpe': modern('{1,3}'),
}

/** Older files call the same rule otherwise. */
const ALIASES: Readonly<Record<string, string>> = { llama3: 'llama-bpe', 'llama-v3': 'llama-bpe' }

/** The name that we have for what a file calls its rule; null: we have no such rule. */
export function preTokenizerName(given: string | null): string | null {
  if (given === null) return null
  const name = Object.hasOwn(ALIASES, given) ? ALIASES[given]! : given
  return Object.hasOwn(PRE_TOKENIZERS, name) ? name : null
}
