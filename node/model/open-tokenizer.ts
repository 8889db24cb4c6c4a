/** The tokenizer in a folder of Hugging Face layout. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelError } from './errors.ts'
import { type TextTokenizer, tokenizerFromBytes } from './tokenizer.ts'

/** @throws ModelError when a file is missing, broken, or names no end of text. */
export async function openTokenizer(folder: string): Promise<TextTokenizer> {
  const tokenizer = await read(join(folder, 'tokenizer.json'))
  const config = await read(join(folder, 'tokenizer_config.json'))
  return tokenizerFromBytes(tokenizer, config)
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new ModelError(
      'missing',
      `Cannot open the tokenizer as ${path} cannot be read: ${(error as Error).message}`,
    )
  }
}
