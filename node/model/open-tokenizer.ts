/** The tokenizer in a folder of Hugging Face layout. */
import { join } from 'node:path'
import { boundedTokenizer } from './bounded-tokenizer.ts'
import { readNeeded } from './needed-file.ts'
import type { TextTokenizer } from './tokenizer.ts'

/** @throws ModelError when a file is missing, broken, or names no end of text. */
export async function openTokenizer(folder: string): Promise<TextTokenizer> {
  const tokenizer = await readNeeded(join(folder, 'tokenizer.json'), 'the tokenizer')
  const config = await readNeeded(join(folder, 'tokenizer_config.json'), 'the tokenizer')
  return boundedTokenizer(tokenizer, config)
}
