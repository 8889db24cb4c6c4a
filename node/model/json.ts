/** JSON files of a model's folder: bounded, decoded strictly, checked against a schema. */
import { z } from 'zod'
import { IN_WORDS, shapeFaults } from '../shape-faults.ts'
import { ModelError } from './errors.ts'

/**
 * Zod would compile its checks with `new Function`, which the policy of our pages forbids, and
 * whose attempt a browser reports. It decides when a schema is made: importers make theirs later.
 */
z.config({ jitless: true })

/** A tokenizer.json with a vocabulary of 256 k and its merges takes about 35 MB. */
export const JSON_BYTES_MAX = 128 * 1024 * 1024

/**
 * @throws ModelError `malformed` unless the bytes are JSON that `schema` accepts; `title` names the
 *   file.
 */
export function parseJson<T>(bytes: Uint8Array, title: string, schema: z.ZodType<T>): T {
  if (bytes.length > JSON_BYTES_MAX) {
    throw new ModelError(
      'malformed',
      `Cannot read ${title} as it must have at most ${JSON_BYTES_MAX} bytes: ` +
        `current value is ${bytes.length}`,
    )
  }
  const result = schema.safeParse(jsonOf(bytes, title), IN_WORDS)
  if (!result.success) {
    throw new ModelError('malformed', `Cannot read ${title} as ${shapeFaults(result.error)}`)
  }
  return result.data
}

function jsonOf(bytes: Uint8Array, title: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new ModelError('malformed', `Cannot read ${title}: ${(error as Error).message}`)
  }
}
