/**
 * Text to token ids and back: tokenizer.json of a Hugging Face model, read by
 * @huggingface/tokenizers. Runs in a browser as in Node.
 */
import { Tokenizer } from '@huggingface/tokenizers'
import { z } from 'zod'
import { ModelError } from './errors.ts'
import { parseJson } from './json.ts'

export interface TextTokenizer {
  vocabSize: number
  /** Ends a document, and stands between two. */
  eosId: number
  /** End a text that is being written. */
  stopIds: readonly number[]
  /** The ids of the text alone: no begin or end is added. */
  encode(text: string): Int32Array
  /** The ids as the model expects a text, with the begin that its tokenizer may add. */
  encodeWhole(text: string): Int32Array
  decode(ids: Iterable<number>): string
}

const tokenizerSchema = z.looseObject({ model: z.looseObject({ type: z.string() }) })

/** A special token is its text, or an object with it. */
const specialToken = z.union([z.string(), z.looseObject({ content: z.string() })])
const tokenizerConfigSchema = z.looseObject({ eos_token: specialToken })

/**
 * The tokenizer from the bytes of tokenizer.json and tokenizer_config.json.
 * @throws ModelError when one is broken, or they name no end of text
 */
export function tokenizerFromBytes(tokenizer: Uint8Array, config: Uint8Array): TextTokenizer {
  const settings = parseJson(config, 'tokenizer_config.json', tokenizerConfigSchema)
  const engine = build(parseJson(tokenizer, 'tokenizer.json', tokenizerSchema), settings)
  const { eos_token: eos } = settings
  const eosText = typeof eos === 'string' ? eos : eos.content
  const eosId = engine.token_to_id(eosText)
  if (eosId === undefined) {
    throw new ModelError(
      'malformed',
      `Cannot use the tokenizer as its eos_token '${eosText}' is not in its vocabulary`,
    )
  }
  return {
    vocabSize: engine.get_vocab().size,
    eosId,
    stopIds: [eosId],
    encodeWhole: (text) => Int32Array.from(engine.encode(text).ids),
    encode: (text) => Int32Array.from(engine.encode(text, { add_special_tokens: false }).ids),
    decode: (ids) => decode(engine, [...ids]),
  }
}

/** The library refuses to decode nothing, and by default tidies spaces away. */
function decode(engine: Tokenizer, ids: number[]): string {
  return ids.length === 0 ? '' : engine.decode(ids, { clean_up_tokenization_spaces: false })
}

/** The library trusts its input: whatever it throws on a broken file becomes our error. */
function build(tokenizer: object, settings: object): Tokenizer {
  try {
    return new Tokenizer(tokenizer, settings)
  } catch (error) {
    throw new ModelError('malformed', `Cannot use tokenizer.json: ${(error as Error).message}`)
  }
}
