/**
 * A tokenizer as Node opens it: each of its calls ends, whatever patterns its tokenizer.json has.
 * In a browser it works in a worker that the page can end.
 */
import { withinTime } from '../bounded-time.ts'
import { type TextTokenizer, tokenizerFromBytes } from './tokenizer.ts'

/** @throws ModelError as `tokenizerFromBytes`; ConfigError, also later, when it takes too long */
export function boundedTokenizer(tokenizer: Uint8Array, config: Uint8Array): TextTokenizer {
  const opened = withinTime('open the tokenizer', tokenizer.length, () =>
    tokenizerFromBytes(tokenizer, config),
  )
  const encoding = 'cut a text into the tokens of this tokenizer'
  return {
    ...opened,
    encode: (text: string) => withinTime(encoding, text.length, () => opened.encode(text)),
    encodeWhole: (text: string) =>
      withinTime(encoding, text.length, () => opened.encodeWhole(text)),
    decode: (ids: Iterable<number>) =>
      withinTime('write the words of this tokenizer', 0, () => opened.decode(ids)),
  }
}
