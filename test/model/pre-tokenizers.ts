/** What tokenizer.json of well-known models has, as transformers writes it, by llama.cpp's name. */

const byteLevel = (use_regex: boolean, trim_offsets = true) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets,
  use_regex,
})
const split = (Regex: string) => ({
  type: 'Split',
  pattern: { Regex },
  behavior: 'Isolated',
  invert: false,
})
const sequence = (...pretokenizers: object[]) => ({ type: 'Sequence', pretokenizers })

const QWEN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" +
  '| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const LLAMA3 = QWEN.replace('|\\p{N}|', '|\\p{N}{1,3}|')

export const KNOWN_PRE_TOKENIZERS: Readonly<Record<string, object>> = {
  'gpt-2': byteLevel(true),
  smollm: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
  qwen2: sequence(split(QWEN), byteLevel(false, false)),
  'llama-bpe': sequence(split(LLAMA3), byteLevel(false)),
}

/** Cut by a rule that llama.cpp does not know. */
export const UNKNOWN_PRE_TOKENIZER = sequence(split('\\s+'), byteLevel(false))
