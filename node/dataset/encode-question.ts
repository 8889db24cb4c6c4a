/**
 * A question in tokens, as the Language Model Evaluation Harness cuts it: prompt and choice are
 * read as one text, and the choice has the tokens behind those of the prompt. Read alone it would
 * begin with a word's mark of its own, where the tokenizer puts one before every text.
 * Source: Gao et al., Language Model Evaluation Harness, api/model.py, `_encode_pair`.
 */
import type { TextTokenizer } from '../model/tokenizer.ts'

export interface QuestionText {
  prompt: string
  choices: readonly string[]
  /** Stands between the prompt and a choice. */
  delimiter?: string
  /** Whether the prompt has what begins a text already, as a chat template writes it. */
  hasBegin?: boolean
}

interface QuestionTokens {
  /** Not empty: an empty prompt is the end of the text before. */
  prompt: number[]
  /** Empty `ids`: the prompt has as many tokens without the choice. `bytes` of it in UTF-8. */
  choices: { ids: number[]; bytes: number }[]
}

export function encodeQuestion(
  tokenizer: Pick<TextTokenizer, 'encode' | 'encodeWhole' | 'eosId'>,
  { prompt, choices, delimiter = '', hasBegin = false }: QuestionText,
): QuestionTokens {
  // White space at the prompt's end begins the choice, since tokens have it before a word.
  const context = prompt.trimEnd()
  const between = prompt.slice(context.length) + delimiter
  const { length } = tokenizer.encode(context)
  const ids = hasBegin ? tokenizer.encode(context) : tokenizer.encodeWhole(context)
  return {
    prompt: ids.length > 0 ? [...ids] : [tokenizer.eosId],
    choices: choices.map((choice) => ({
      ids: [...tokenizer.encode(context + between + choice).subarray(length)],
      bytes: Buffer.byteLength(choice),
    })),
  }
}
