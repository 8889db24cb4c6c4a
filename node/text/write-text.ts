/** Tokens told by the compute thread, as text that grows. Runs in a browser as in Node. */

import type { Compute } from '../compute/compute.ts'
import type { Sampling } from '../compute/sample.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'

export interface WriteOptions {
  tokensMax: number
  sampling: Sampling
  seed: number
}

export interface TextRequest extends WriteOptions {
  prompt: Int32Array
  /** N scalars; null: the base alone. */
  adapter: Float32Array | null
}

export interface Written {
  text: string
  tokens: number
}

/** Continues a text with the open model; `onText` hears each piece of it as it is written. */
export async function writeText(
  { compute, tokenizer }: { compute: Compute; tokenizer: TextTokenizer },
  { prompt, ...request }: TextRequest,
  onText: (piece: string) => void = () => {},
): Promise<Written> {
  const ids: number[] = []
  let told = 0
  const tell = (text: string) => {
    onText(text.slice(told))
    told = text.length
  }
  const input = {
    ...request,
    prompt: prompt.length > 0 ? prompt : Int32Array.of(tokenizer.eosId),
    stopIds: tokenizer.stopIds,
  }
  const written = await compute.run('generate', input, (id) => {
    ids.push(id)
    tell(wholeText(tokenizer.decode(ids)))
  })
  const text = tokenizer.decode(written)
  tell(text)
  return { text, tokens: written.length }
}

/** The text without an end that may still become another letter: tokens can end within one. */
function wholeText(text: string): string {
  return text.replace(/\uFFFD+$/, '')
}
