/** A file without which a model, a tokenizer or an adapter cannot be opened. */
import { readFile } from 'node:fs/promises'
import { whyUnread } from '../system-reason.ts'
import { ModelError } from './errors.ts'

/** @throws ModelError `missing` that names the file, and says what to do where there is advice */
export async function readNeeded(path: string, what: string, advice = ''): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw absent(path, what, whyUnread(error), advice)
  }
}

export function absent(path: string, what: string, reason: string, advice: string): ModelError {
  const end = advice === '' ? '' : `: ${advice}`
  return new ModelError('missing', `Cannot open ${what} in ${path} as ${reason}${end}`)
}
